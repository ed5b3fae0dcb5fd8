namespace Livebed.Grains.Tests.Telemetry;

/// <summary>Activity sources are of the process: tests that listen to them run one after another.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class TracingCollection
{
    public const string Name = "tracing";
}
