namespace Livebed.Driver.Tests.EndToEnd;

/// <summary>Tests that start whole clusters: one after another, and nothing beside them.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class EndToEndCollection
{
    public const string Name = "end to end";
}

/// <summary>Tests that start whole clusters whose campaigns ask for next to nothing: one after another, beside other tests.</summary>
[CollectionDefinition(Name)]
public sealed class PatientCollection
{
    public const string Name = "end to end, beside others";
}
