using Livebed.Kvm.Host.Streams;

namespace Livebed.Kvm.Migration;

/// <summary>A migration as <c>query-migrate</c> tells it. Times in microseconds, sizes in bytes; results translate into QEMU's units and
/// names.</summary>
public sealed record MigrationInfo
{
    public MigrationStatus Status { get; init; }

    /// <summary>Why it failed or was cancelled; empty otherwise.</summary>
    public string Reason { get; init; } = "";

    public long TotalMicroseconds { get; init; }
    public long SetupMicroseconds { get; init; }

    /// <summary>From the moment when the last vCPU left the guest until the destination ran, without
    /// <see cref="CheckMicroseconds"/>.</summary>
    public long DowntimeMicroseconds { get; init; }

    /// <summary>What <see cref="DowntimeMicroseconds"/> was spent on.</summary>
    public DowntimeParts DowntimeParts { get; init; }

    /// <summary>For which the guest stood still in addition, so that the bed could compare its memory: no real migration does.</summary>
    public long CheckMicroseconds { get; init; }

    public long ExpectedDowntimeMicroseconds { get; init; }

    /// <summary><c>ram</c>: pages of <see cref="Total"/> bytes that are still to be sent.</summary>
    public long Remaining { get; init; }

    public long Total { get; init; }
    public long PageSize { get; init; }

    /// <summary>Bytes on the wire: in pre-copy, while the vCPUs were stopped, in post-copy.</summary>
    public long PrecopyBytes { get; init; }

    public long DowntimeBytes { get; init; }
    public long PostcopyBytes { get; init; }
    public long Transferred => PrecopyBytes + DowntimeBytes + PostcopyBytes;

    /// <summary>Pages sent with content, and zero pages.</summary>
    public long Normal { get; init; }

    public long Duplicate { get; init; }

    /// <summary>Dirty bitmap syncs.</summary>
    public long DirtySyncCount { get; init; }

    /// <summary>Pages a second found dirty by the newest sync.</summary>
    public double DirtyPagesRate { get; init; }

    /// <summary>Bytes a second.</summary>
    public double Throughput => TotalMicroseconds == 0 ? 0 : Transferred * 1e6 / TotalMicroseconds;

    public int CpuThrottlePercentage { get; init; }

    /// <summary>The highest that it was.</summary>
    public int CpuThrottlePercentageMax { get; init; }

    /// <summary>How long each vCPU slept so that the migration converges; empty when none was throttled, known when it is over or has gone
    /// over to post-copy.</summary>
    public IReadOnlyList<long> VcpuThrottledMicroseconds { get; init; } = [];

    public long PostcopyRequests { get; init; }

    /// <summary>How often the link broke in post-copy.</summary>
    public int PostcopyPauses { get; init; }

    /// <summary>How long the guest stood still because pages were missing; known when the destination has all of them, or has lost
    /// them.</summary>
    public PostcopyBlocktime PostcopyBlocktime { get; init; } = PostcopyBlocktime.None;

    /// <summary>From pre-copy's last sync on, the epoch under which the VM runs, as the source knows it; 0 before. If the inventory was
    /// replaced during the hand-over, a destination that answers runs under a later one, which has the same number of
    /// hand-overs.</summary>
    public long Epoch { get; init; }

    /// <summary>The destination itself has said that it runs the VM; else the inventory has said that it owns it, and since when it runs
    /// the source does not know.</summary>
    public bool IsTakeOverAnswered { get; init; }

    /// <summary>The VM was the destination's.</summary>
    public bool IsHandedOver => Status == MigrationStatus.Completed || Steps.Any(step => step.Status == MigrationStatus.PostcopyActive);

    /// <summary>A migration that fails in post-copy leaves no whole guest on either side.</summary>
    public bool IsGuestLost => Status == MigrationStatus.Failed && IsHandedOver;

    /// <summary>The rounds of pre-copy; the newest <see cref="RoundsKept"/>.</summary>
    public IReadOnlyList<Round> Rounds { get; init; } = [];

    public const int RoundsKept = 256;

    /// <summary>When each status was entered, in microseconds since the beginning, in order.</summary>
    public IReadOnlyList<MigrationStep> Steps { get; init; } = [];
}

/// <summary>That a migration came to a status, so many microseconds after its beginning.</summary>
public readonly record struct MigrationStep(MigrationStatus Status, long AtMicroseconds);
