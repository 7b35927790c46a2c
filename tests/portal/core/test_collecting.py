"""The collector of cycles is still while anybody asks for it, and no longer."""

import gc

import pytest

from portal.core.collecting import no_collecting


def test_it_is_still_until_the_last_who_asked_is_done():
    with no_collecting():
        with no_collecting():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_it_goes_on_after_a_failure():
    with pytest.raises(LookupError), no_collecting():
        raise LookupError
    assert gc.isenabled()
