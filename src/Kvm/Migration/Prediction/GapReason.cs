namespace Livebed.Kvm.Migration.Prediction;

/// <summary>Why a model does not hold for a round.</summary>
public enum GapReason : byte
{
    /// <summary>The model holds, or nothing that was measured says why it does not.</summary>
    None,

    /// <summary>The guest was slowed down otherwise than in the forecast.</summary>
    Throttled,

    /// <summary>vCPUs stopped because their dirty ring was full: the guest wrote less than its program would.</summary>
    RingFull,

    /// <summary>The link carried less than its bandwidth says, and for most of the time that this cost it carried other migrations.</summary>
    LinkShared,

    /// <summary>The link, or what feeds it, carried less than its bandwidth says.</summary>
    LinkSaturated,

    /// <summary>Other pages were zero than was known: with as many zero pages as there were, the bytes would be those of the forecast.</summary>
    ZeroPages,

    /// <summary>The guest wrote faster or slower than in the round before, or, in round 0, than its workload does on average.</summary>
    DirtyRate,
}
