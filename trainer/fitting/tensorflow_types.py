"""Type aliases for objects of TensorFlow and TensorFlowOnSpark, which have no type hints."""

from typing import Any

#: `tf.Tensor`.
Tensor = Any
#: `tf.data.Dataset`, or a distributed data set of a strategy.
Dataset = Any
#: `tf.distribute.Strategy`.
Strategy = Any
#: `tf.distribute.cluster_resolver.ClusterResolver`: identifies this process in the cluster.
Resolver = Any
#: `tf.distribute.Server`.
Server = Any
#: `tf.distribute.coordinator.ClusterCoordinator`.
Coordinator = Any
#: A `tf.function`.
Graph = Any
#: `tensorflowonspark.TFSparkNode.TFNodeContext`: role and number of this node.
NodeContext = Any
#: `tensorflowonspark.TFCluster.TFCluster`.
Cluster = Any
