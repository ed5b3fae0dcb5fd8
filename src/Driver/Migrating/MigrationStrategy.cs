namespace Livebed.Driver.Migrating;

/// <summary>What is done about a guest that writes faster than the link carries; the names are those of `predict`'s strategies.</summary>
internal enum MigrationStrategy : byte
{
    /// <summary>Nothing: rounds until it fits, or the time limit.</summary>
    Plain,

    /// <summary>Every vCPU sleeps for a share of its time.</summary>
    AutoConverge,

    /// <summary>Every vCPU dirties at most a quarter of what the link carries.</summary>
    DirtyLimit,

    /// <summary>Over to post-copy after the first round.</summary>
    PostCopy,
}
