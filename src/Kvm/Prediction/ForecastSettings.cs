using Livebed.Kvm.Guests;
using Livebed.Kvm.Migration;

namespace Livebed.Kvm.Prediction;

/// <summary>
/// What a forecast must know beside the <see cref="MigrationParameters"/>: the guest, and what a measurement would find out by itself.
/// </summary>
public sealed record ForecastSettings
{
    public const long PagesMax = 1L << 28;

    /// <summary>Bytes; a recorded page is one guest page, whatever its size.</summary>
    public int PageSize { get; init; } = 4096;

    /// <summary>Pages of the guest's RAM; 0 for those of the workload. Pages beyond those are never written.</summary>
    public long MemoryPages { get; init; }

    /// <summary>Share of the RAM that is zero when the migration begins, spread evenly: such a page costs
    /// <see cref="WireFormat.ZeroPageBytes"/> in round 0.</summary>
    public double ZeroShare { get; init; }

    /// <summary>What a switchover costs beside the pages: device state, and the way to the destination and back.</summary>
    public long SwitchoverCostMicroseconds { get; init; }

    /// <summary>Bytes a second of what is sent while the guest stands still, which no <c>max-bandwidth</c> bounds; 0 for
    /// <see cref="MigrationParameters.MaxBandwidth"/>, and infinite where it takes no time beside the switchover's cost. Of our own
    /// sender; QEMU's is in <see cref="Qemu"/>.</summary>
    public double StopBytesPerSecond { get; init; }

    /// <summary>Of our own sender, beside the bytes; its switchover is in <see cref="SwitchoverCostMicroseconds"/>.</summary>
    public SenderCosts Sender { get; init; } = SenderCosts.None;

    public DirtyLogClear Clear { get; init; }

    public int Vcpus { get; init; } = 1;

    /// <summary>Recorded seconds that the guest replays in one, see <see cref="TraceGuestSpec"/>.</summary>
    public double Speed { get; init; } = 1;

    /// <summary>Where in the recording the migration begins.</summary>
    public long StartMicroseconds { get; init; }

    /// <summary>Post-copy: how long a missing page takes beside its bytes, from the fault to the page.</summary>
    public long FaultLatencyMicroseconds { get; init; } = 100;

    /// <summary>The loop is QEMU's; null for that of our own sender.</summary>
    public QemuSettings? Qemu { get; init; }

    /// <summary>How much work these forecasts may be, and those with settings that are made of these.</summary>
    public ForecastBudget Budget { get; init; } = new();

    /// <exception cref="ArgumentOutOfRangeException">A value is out of bounds.</exception>
    public void Check()
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(PageSize);
        ArgumentOutOfRangeException.ThrowIfNegative(MemoryPages);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MemoryPages, PagesMax);
        ArgumentOutOfRangeException.ThrowIfNegative(SwitchoverCostMicroseconds);
        ArgumentOutOfRangeException.ThrowIfNegative(StopBytesPerSecond);
        Sender.Check();
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(Vcpus);
        ArgumentOutOfRangeException.ThrowIfNegative(StartMicroseconds);
        ArgumentOutOfRangeException.ThrowIfNegative(FaultLatencyMicroseconds);
        if (!(ZeroShare is >= 0 and <= 1)) throw new ArgumentOutOfRangeException(nameof(ZeroShare), ZeroShare, "a share is 0 to 1");
        if (!(Speed is >= 0.001 and <= 1000)) throw new ArgumentOutOfRangeException(nameof(Speed), Speed, "the speed is 0.001 to 1000");
    }
}

/// <summary>When dirty bits are cleared, and writes seen again.</summary>
public enum DirtyLogClear : byte
{
    /// <summary><c>KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2</c>: chunk by chunk, when the chunk is about to be sent. What was written before that
    /// in the round travels with it.</summary>
    ManualProtect,

    /// <summary>Plain <c>KVM_GET_DIRTY_LOG</c>: all at the sync that begins the round.</summary>
    Plain,
}

/// <summary>
/// What things cost on the wire in QEMU's stream (migration/ram.c, migration/savevm.c). Simplified: the name of a RAMBlock, which goes over
/// once each time that the block changes, and the end mark of a round are left out, a few bytes a round.
/// </summary>
public static class WireFormat
{
    /// <summary><c>save_page_header</c>: offset and flags in one 64-bit word.</summary>
    public const int PageHeaderBytes = 8;

    /// <summary><c>save_zero_page</c>: the header and one byte.</summary>
    public const int ZeroPageBytes = PageHeaderBytes + 1;

    // qemu_savevm_send_postcopy_ram_discard: up to 12 ranges of two 64-bit words in a command; the command's head (5), a version (1), and
    // "pc.ram" with length and terminator (8).
    private const int DiscardRangesOfCommand = 12;
    private const int DiscardRangeBytes = 16;
    private const int DiscardCommandBytes = 14;

    public static long PageBytes(int pageSize) => pageSize + PageHeaderBytes;

    /// <param name="ranges">runs of pages that the destination must drop</param>
    public static long DiscardListBytes(long ranges) =>
        ranges * DiscardRangeBytes + (ranges + DiscardRangesOfCommand - 1) / DiscardRangesOfCommand * DiscardCommandBytes;
}
