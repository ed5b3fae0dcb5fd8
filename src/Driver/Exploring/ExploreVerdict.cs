namespace Livebed.Driver.Exploring;

/// <summary>What a search says; the larger, the more it weighs when several scenarios are searched.</summary>
internal enum ExploreVerdict
{
    /// <summary>No schedule that was played broke anything.</summary>
    Valid,

    /// <summary>A schedule broke what the scenario says that this protocol breaks.</summary>
    Expected,

    /// <summary>Nothing was played.</summary>
    Unknown,

    /// <summary>A schedule broke an invariant.</summary>
    Invalid,

    /// <summary>A lane threw: the model or the scenario is wrong, which says nothing about the protocol.</summary>
    Failed,
}
