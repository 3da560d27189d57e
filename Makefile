# Short names for what scripts/ and bench/ do. Where make is missing, call those.

.PHONY: help run test package conformance sanitizers sim bench abuse clean

help:
	@echo "make run         see Afterword at work in front of a real Synapse, then use it"
	@echo "                 (or in front of yours: HOMESERVER=http://... SERVER_NAME=... make run)"
	@echo "make test        build, and run every test"
	@echo "make package     a Debian package, into build/package"
	@echo "make conformance which statement of the protocol holds before Synapse and before Dendrite: docs/conformance.md"
	@echo "make sanitizers  unit and contract tests under ASan + UBSan and under TSan"
	@echo "make sim         whole worlds under faults, from seeds; SEED=N replays one, SECONDS=S runs for as long"
	@echo "make bench       measures all of docs/performance.md, beside nginx and Synapse's own, and draws it anew: 25 minutes"
	@echo "make abuse       what ordinary users notice while somebody floods, idles and trickles"
	@echo "make clean       remove what was built (the Synapse in .cache stays)"

run:
	@scripts/run

test:
	@scripts/test

package:
	@scripts/package

conformance:
	@scripts/conformance

sanitizers:
	@scripts/test --sanitizers

sim:
	@scripts/sim $(if $(SEED),--seed $(SEED),--seconds $(or $(SECONDS),60))

bench:
	@bench/run --json docs/performance.json; status=$$?; bench/draw docs/performance.json && exit $$status

abuse:
	@bench/run-abuse

clean:
	rm -rf build
