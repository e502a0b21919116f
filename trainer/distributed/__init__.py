"""Distributed training: TensorFlowOnSpark starts processes on Spark's executors, and TensorFlow trains in them.

`synchronous` uses `MultiWorkerMirroredStrategy`: all workers take each step together. `asynchronous` uses
`ParameterServerStrategy`: each worker takes steps independently. `local` trains in one process, without Spark. All
workers read their own shards of a prepared folder, draw and augment windows with the same code, and write reports and
metrics into the run folder, where the driver reads them (`cluster`).
"""
