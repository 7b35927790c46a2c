"""What `make run` starts: the whole portal on one machine, with two emulated Comet Servers."""
