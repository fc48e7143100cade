"""The first boot of a firmware on an empty flash: what it did, the verdict, and a plot of its erases over time."""

import polars as pl

import tracetool as tt

SAMPLE = "aavmf-first-boot"

trace = tt.open(
    tt.sample(f"{SAMPLE}/trace.log.zst"), image={"virt.flash1": tt.sample(f"{SAMPLE}/flash1-before.fd.zst")}
)
print(trace.operations().group_by("device", "kind").len().sort("device", "kind"))

for device in trace.audit(policy="discard").devices:
    print(f"{device.name}: {device.verdict}, smallest safe backing {device.backing.bytes} B")

erases = trace.operations("kind == erase")
print(trace.explain(int(erases["first_seq"][0])))

seconds = (pl.col("time_ns") - trace.starts[0]) / 1e9
over_time = erases.select(seconds=seconds, erases=pl.row_index() + 1, block=pl.col("block"))
over_time.plot.line(x="seconds", y="erases").save("erases.html")
