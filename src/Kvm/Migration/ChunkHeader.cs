namespace Livebed.Kvm.Migration;

/// <summary>
/// Where a chunk belongs: which migration (its VM's <paramref name="Epoch"/> fences the streams of earlier ones), which channel, which round, which phase.
/// </summary>
/// <param name="Stream">the migration: unique over the run, more than 0</param>
/// <param name="Epoch">the epoch of the VM when the migration began</param>
/// <param name="Channel">0 to channels - 1; the channel of urgent post-copy pages is <see cref="UrgentChannel"/></param>
/// <param name="Round">0 is the round that sends every page</param>
/// <param name="Phase">pre-copy or post-copy</param>
public readonly record struct ChunkHeader(long Stream, long Epoch, int Channel, int Round, StreamPhase Phase)
{
    /// <summary>QEMU's postcopy-preempt channel: pages that a vCPU waits for.</summary>
    public const int UrgentChannel = -1;
}
