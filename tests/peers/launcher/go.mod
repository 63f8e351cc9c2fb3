// Starts and stops the real peers. The standard library is all that it needs.
module bulla.dev/tests/peers/launcher

go 1.26
