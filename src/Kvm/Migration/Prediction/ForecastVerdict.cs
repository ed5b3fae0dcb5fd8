namespace Livebed.Kvm.Migration.Prediction;

public enum ForecastVerdict : byte
{
    /// <summary>It completes in pre-copy, within downtime limit, time limit and rounds.</summary>
    Converges,

    /// <summary>It completes in post-copy.</summary>
    Postcopy,

    /// <summary>Rounds gain nothing any more: the guest dirties what the link carries.</summary>
    Diverging,

    /// <summary>Rounds still get shorter when time or rounds are over.</summary>
    OutOfTime,
}
