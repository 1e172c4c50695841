"""Coverage: what the tests made happen, in the trace, in records, in driver events and in the lines of rtl/.

`python -m tb.cov` (`make cov`) runs the regression, merges what each run left beside its log, applies the waivers
and reports. Functional coverage (`model`, `groups`, `transfers`, `pages`) reads the one trace; code coverage
(`points`) reads what Verilator counted.
"""
