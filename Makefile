# Everything is scripts/setup and Meson; this file only gives them short names.
.PHONY: all setup demo test test-peers bench fuzz lint clean
all: setup
	@scripts/build
setup:
	@scripts/setup
demo: all
	@scripts/demo
test: all
	@scripts/test
test-peers: all
	@scripts/test-peers
bench: all
	@scripts/bench
fuzz: all
	@scripts/fuzz
lint: all
	@scripts/lint
clean:
	@rm -rf build build-asan build-tsan
