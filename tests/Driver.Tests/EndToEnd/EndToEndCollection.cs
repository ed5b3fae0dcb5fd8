namespace Livebed.Driver.Tests.EndToEnd;

/// <summary>Tests that start whole clusters: one after another, and nothing beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class EndToEndCollection
{
    public const string Name = "end to end";
}
