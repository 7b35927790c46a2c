"""Secrets from variables and from files."""

import pytest

from portal.core.environment import SecretFileProblem, env_secret, env_secret_list


@pytest.fixture
def secret_file(tmp_path, monkeypatch):
    monkeypatch.delenv("A_SECRET", raising=False)
    file = tmp_path / "a-secret"
    file.write_text("of the file\n")
    file.chmod(0o600)
    monkeypatch.setenv("A_SECRET_FILE", str(file))
    return file


def test_a_secret_is_read_from_the_file_that_is_named(secret_file):
    assert env_secret("A_SECRET") == "of the file"


def test_the_variable_itself_and_the_default(monkeypatch):
    monkeypatch.setenv("A_SECRET", "of the variable")
    assert env_secret("A_SECRET", "default") == "of the variable"
    assert env_secret("ANOTHER_SECRET", "default") == "default"


def test_both_are_one_too_many(secret_file, monkeypatch):
    monkeypatch.setenv("A_SECRET", "of the variable")
    with pytest.raises(SecretFileProblem, match="are both set"):
        env_secret("A_SECRET")


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_to_is_refused(secret_file, mode):
    secret_file.chmod(mode)
    with pytest.raises(SecretFileProblem, match="others may write to"):
        env_secret("A_SECRET")


def test_a_file_that_is_no_text_or_not_there_is_said_clearly(secret_file):
    secret_file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SecretFileProblem, match="it is not text"):
        env_secret("A_SECRET")
    secret_file.unlink()
    with pytest.raises(SecretFileProblem, match="No such file"):
        env_secret("A_SECRET")


def test_a_list_takes_commas_lines_and_comments(secret_file):
    secret_file.write_text("# the newest first\n one \n\n two, three\n")
    assert env_secret_list("A_SECRET") == ["one", "two", "three"]
