"""Programs that know nothing of the driver, to be run inside of a live device; tb/live/traces were recorded from them.

    make live RECORD=1 CMD="$PWD/sim_build/venv/bin/python -m tb.live.examples.pipeline"
"""
