"""Names for what TensorFlow and TensorFlowOnSpark hand around: they ship no type hints."""

from typing import Any

#: `tf.Tensor`.
Tensor = Any
#: `tf.data.Dataset`, or one that a strategy distributes.
Dataset = Any
#: `tf.distribute.Strategy`.
Strategy = Any
#: `tf.distribute.cluster_resolver.ClusterResolver`: which node of the cluster this process is.
Resolver = Any
#: `tf.distribute.Server`.
Server = Any
#: `tf.distribute.coordinator.ClusterCoordinator`.
Coordinator = Any
#: A `tf.function`.
Graph = Any
#: `tensorflowonspark.TFSparkNode.TFNodeContext`: this node's part and number.
NodeContext = Any
#: `tensorflowonspark.TFCluster.TFCluster`.
Cluster = Any
