"""Training over several processes: TensorFlowOnSpark starts them on Spark's executors, TensorFlow trains in them.

`synchronous` is `MultiWorkerMirroredStrategy`: all workers take each step together. `asynchronous` is
`ParameterServerStrategy`: each worker takes steps when it is ready. `local` is one process, without Spark. All read
their own shards of a prepared folder, draw and vary windows with the same code, and write what they do into the run's
folder, which is how the driver sees them (`cluster`).
"""
