// Each starts whole clusters, of several processes some of them.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
