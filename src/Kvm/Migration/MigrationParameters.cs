using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Paging;

namespace Livebed.Kvm.Migration;

/// <summary>What can be set for a migration, under the names and with the defaults of QEMU's <c>migrate-set-parameters</c>
/// (qapi/migration.json); times in microseconds.</summary>
public sealed record MigrationParameters
{
    public const int ChannelsMax = 64;
    public const int ChannelWindowMax = 16;
    public const int RoundsLimit = 10_000;

    /// <summary><c>max-bandwidth</c>: bytes a second over all channels of this migration while the guest runs; 0 for as fast as the link
    /// goes, which is how fast the rest goes when the guest has stopped.</summary>
    public long MaxBandwidth { get; init; } = 1L << 30;

    /// <summary><c>max-postcopy-bandwidth</c>: bytes a second that are pushed in the background in post-copy; 0, the default, leaves it at
    /// <see cref="MaxBandwidth"/> (in QEMU, where that is no link but a courtesy to others, at no bound).</summary>
    public long MaxPostcopyBandwidth { get; init; }

    /// <summary><c>avail-switchover-bandwidth</c>: bytes a second with which the rest is taken to go when the guest has stopped, so that it
    /// stops as soon as that fits into the downtime limit; 0 for those of the last round.</summary>
    public long AvailSwitchoverBandwidth { get; init; }

    public StreamBandwidth Bandwidth => new(MaxBandwidth, MaxPostcopyBandwidth);

    /// <summary><c>downtime-limit</c>.</summary>
    public long DowntimeLimitMicroseconds { get; init; } = 300_000;

    /// <summary><c>multifd-channels</c>, 1 to 64.</summary>
    public int Channels { get; init; } = 2;

    /// <summary>Batches that a channel has on their way at once, 1 to 16: what its socket's buffers hold, where an answer takes time.
    /// With 1 the link waits for each answer. QEMU has no such parameter, as it waits for none.</summary>
    public int ChannelWindow { get; init; } = 1;

    /// <summary>Pages that are cleared and sent together: a multiple of 64, at most <see cref="PageChunk.PagesMax"/>. At most this many for
    /// each place of a channel's window are in flight.</summary>
    public int BatchPages { get; init; } = 256;

    /// <summary>Rounds after which <see cref="TimeoutAction"/> is taken, as after the time limit.</summary>
    public int RoundsMax { get; init; } = 1_000;

    public ThrottleKind Throttle { get; init; }

    /// <summary><c>cpu-throttle-initial</c>, <c>cpu-throttle-increment</c>, <c>max-cpu-throttle</c>: percent.</summary>
    public int CpuThrottleInitial { get; init; } = 20;

    public int CpuThrottleIncrement { get; init; } = 10;
    public int MaxCpuThrottle { get; init; } = 99;

    /// <summary><c>throttle-trigger-threshold</c>: percent of the bytes sent in a period that may become dirty in it.</summary>
    public int ThrottleTriggerThreshold { get; init; } = 50;

    /// <summary>How often throttling is thought about: a second, as in <c>migration_bitmap_sync</c>.</summary>
    public long ThrottlePeriodMicroseconds { get; init; } = 1_000_000;

    /// <summary><c>vcpu-dirty-limit</c>: bytes a second that one vCPU may make dirty.</summary>
    public long VcpuDirtyLimit { get; init; } = 1L << 20;

    /// <summary>After so many rounds the migration goes over to post-copy; 0 for never by itself.</summary>
    public int PostcopyAfterRounds { get; init; }

    /// <summary>How long a migration may take before <see cref="TimeoutAction"/>; 0 for any time.</summary>
    public long TimeLimitMicroseconds { get; init; }

    public TimeoutAction TimeoutAction { get; init; }

    /// <summary>How long a broken link in post-copy is waited for before the guest is reported as lost; 0 for any time.</summary>
    public long RecoveryLimitMicroseconds { get; init; } = 30_000_000;

    /// <exception cref="ArgumentOutOfRangeException">A value is out of bounds.</exception>
    public void Check()
    {
        ArgumentOutOfRangeException.ThrowIfNegative(MaxBandwidth);
        ArgumentOutOfRangeException.ThrowIfNegative(MaxPostcopyBandwidth);
        ArgumentOutOfRangeException.ThrowIfNegative(AvailSwitchoverBandwidth);
        ArgumentOutOfRangeException.ThrowIfNegative(DowntimeLimitMicroseconds);
        ArgumentOutOfRangeException.ThrowIfNegative(TimeLimitMicroseconds);
        ArgumentOutOfRangeException.ThrowIfNegative(PostcopyAfterRounds);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(VcpuDirtyLimit);
        InRange(Channels, 1, ChannelsMax, nameof(Channels));
        InRange(ChannelWindow, 1, ChannelWindowMax, nameof(ChannelWindow));
        InRange(RoundsMax, 1, RoundsLimit, nameof(RoundsMax));
        InRange(BatchPages, 64, PageChunk.PagesMax, nameof(BatchPages));
        if (BatchPages % 64 != 0)
            throw new ArgumentOutOfRangeException(nameof(BatchPages), BatchPages, "batches are multiples of 64 pages");
        InRange(CpuThrottleInitial, 1, VcpuThrottle.PercentageMax, nameof(CpuThrottleInitial));
        InRange(CpuThrottleIncrement, 1, VcpuThrottle.PercentageMax, nameof(CpuThrottleIncrement));
        InRange(MaxCpuThrottle, 1, VcpuThrottle.PercentageMax, nameof(MaxCpuThrottle));
        InRange(ThrottleTriggerThreshold, 1, 100, nameof(ThrottleTriggerThreshold));
    }

    private static void InRange(int value, int least, int most, string name)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(value, least, name);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(value, most, name);
    }
}

/// <summary>How the guest is slowed down when it writes faster than the link carries.</summary>
public enum ThrottleKind : byte
{
    None,

    /// <summary>QEMU's <c>auto-converge</c>: every vCPU sleeps a share of its time.</summary>
    AutoConverge,

    /// <summary>QEMU's <c>dirty-limit</c>: only vCPUs that write sleep, and only as long as they must.</summary>
    DirtyLimit,
}

/// <summary>What is done with a migration that takes too long: <c>virsh migrate --timeout</c> with its ways out.</summary>
public enum TimeoutAction : byte
{
    Cancel,

    /// <summary><c>--timeout-suspend</c>: the vCPUs stop, whatever the downtime will be.</summary>
    Suspend,

    /// <summary><c>--timeout-postcopy</c>.</summary>
    Postcopy,
}

/// <summary>One migration: which VM, from where to where.</summary>
/// <param name="Stream">unique over the run, more than 0</param>
/// <param name="Vm">the VM's name in the inventory: "vm-3"</param>
/// <param name="Epoch">the VM's epoch as its owner knows it</param>
/// <param name="Source">host that owns it</param>
/// <param name="Destination">host that shall own it</param>
/// <param name="DestinationAddressSpace">its process there, to be created</param>
/// <param name="Blocks">QEMU's RAMBlocks: memory that is the guest's, whether a memslot shows it now or not</param>
/// <param name="PageSize">bytes</param>
public sealed record MigrationSetup(
    long Stream, string Vm, long Epoch, string Source, string Destination, int DestinationAddressSpace,
    IReadOnlyList<HvaRange> Blocks, int PageSize);
