namespace Livebed.Kvm.Prediction;

/// <summary>
/// What a forecast as QEMU does it must know beside the <see cref="ForecastSettings"/>. <c>max-bandwidth</c> is a cap on the rounds only;
/// the stop phase goes as fast as the link.
/// </summary>
public sealed record QemuSettings
{
    /// <summary><c>clear_bmap_shift</c>: 1 GiB of 4 KiB pages (migration/ram.c, CLEAR_BITMAP_SHIFT_DEFAULT).</summary>
    public const int UsualClearChunkPages = 1 << 18;

    /// <summary>For <see cref="GivesUpAfterPasses"/>.</summary>
    public const int PassesUntilHopeless = 3;

    /// <summary>Bytes a second that the link carries; more than 0. <c>max-bandwidth</c> bounds the rounds below that.</summary>
    public required long LinkBandwidth { get; init; }

    /// <summary>Bytes a second of the stop phase; 0 for those of the link.</summary>
    public long SwitchoverBandwidth { get; init; }

    /// <summary><c>avail-switchover-bandwidth</c>: what the threshold is computed from, from 8.2 on; 0 for what was measured.</summary>
    public long AvailSwitchoverBandwidth { get; init; }

    public QemuVersion Version { get; init; } = QemuVersion.Newest;

    /// <summary>Pages whose bits KVM clears together, at the first of them that is sent after a sync; a multiple of 64.</summary>
    public int ClearChunkPages { get; init; } = UsualClearChunkPages;

    /// <summary>How long QEMU takes to find out that a page is zero.</summary>
    public double ZeroPageMicroseconds { get; init; } = 1.2;

    /// <summary>The recording says which pages are zero; otherwise the share of the <see cref="ForecastSettings"/> does.</summary>
    public bool IsZeroFromTrace { get; init; }

    /// <summary>What is done at the time limit.</summary>
    public ForecastTimeoutAction TimeoutAction { get; init; }

    /// <summary>It is given up, or the time-out action comes, once the recording was replayed so often with the guest at one pace and never
    /// fitted: what it writes then is what it wrote before. 0 for never; for searches, which ask only whether it completes.</summary>
    public int GivesUpAfterPasses { get; init; }

    public double StopBytesPerSecond => SwitchoverBandwidth > 0 ? SwitchoverBandwidth : LinkBandwidth;

    /// <exception cref="ArgumentOutOfRangeException">A value is out of bounds.</exception>
    public void Check()
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(LinkBandwidth);
        ArgumentOutOfRangeException.ThrowIfNegative(SwitchoverBandwidth);
        ArgumentOutOfRangeException.ThrowIfNegative(AvailSwitchoverBandwidth);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(ClearChunkPages);
        ArgumentOutOfRangeException.ThrowIfNegative(ZeroPageMicroseconds);
        if (ClearChunkPages % 64 != 0)
            throw new ArgumentOutOfRangeException(nameof(ClearChunkPages), ClearChunkPages, "chunks are multiples of 64 pages");
    }
}

/// <summary>A release of QEMU, as far as its pre-copy loop is another.</summary>
public readonly record struct QemuVersion(int Major, int Minor) : IComparable<QemuVersion>
{
    public static readonly QemuVersion Oldest = new(7, 2);

    /// <summary>The newest whose loop is modelled; later ones are taken to be like it.</summary>
    public static readonly QemuVersion Newest = new(9, 2);

    /// <summary>A sync comes at the threshold itself too, and before every end (<c>qemu_savevm_state_pending_exact</c>).</summary>
    public bool SyncsBeforeEveryEnd => this >= new QemuVersion(8, 0);

    /// <summary><c>dirty-limit</c> is a capability of migrations.</summary>
    public bool HasDirtyLimit => this >= new QemuVersion(8, 1);

    public bool HasAvailSwitchoverBandwidth => this >= new QemuVersion(8, 2);

    /// <summary>With auto-converge a sync comes every five seconds within a pass (<c>cpu_throttle_dirty_sync_timer_tick</c>).</summary>
    public bool SyncsWithinAPass => this >= new QemuVersion(9, 2);

    public static bool operator <(QemuVersion left, QemuVersion right) => left.CompareTo(right) < 0;

    public static bool operator >(QemuVersion left, QemuVersion right) => left.CompareTo(right) > 0;

    public static bool operator <=(QemuVersion left, QemuVersion right) => left.CompareTo(right) <= 0;

    public static bool operator >=(QemuVersion left, QemuVersion right) => left.CompareTo(right) >= 0;

    public int CompareTo(QemuVersion other) => (Major, Minor).CompareTo((other.Major, other.Minor));

    public override string ToString() => FormattableString.Invariant($"{Major}.{Minor}");
}

/// <summary>What is done with a migration that has not ended at its time limit.</summary>
public enum ForecastTimeoutAction : byte
{
    /// <summary>It is given up.</summary>
    Cancel,

    /// <summary>The guest stops, whatever is left (<c>virsh migrate --timeout-suspend</c>).</summary>
    Suspend,

    /// <summary>It goes over to post-copy (<c>--timeout-postcopy</c>).</summary>
    Postcopy,

    /// <summary>From half of the limit on the guest stops at the first sync that leaves no more than a tenth above the least so far; at the
    /// limit it stops in any case.</summary>
    SuspendAtLow,
}
