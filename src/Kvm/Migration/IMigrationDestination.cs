using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Paging;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Migration;

/// <summary>Requests of the source's user space to the destination's. Lost means that it is unknown whether the request took
/// effect. Each may arrive twice, and late: it does what it does once.</summary>
public interface IMigrationDestination
{
    /// <summary>Makes the process and its memory, and accepts pages from now on. No memory: the host is full, and nothing was
    /// made.</summary>
    ValueTask<StreamStatus> PrepareAsync(Operation op, MigrationSetup setup);

    /// <summary>The bed's own check, after the last page of pre-copy: every page is as the frozen source has it (M1). Refused when nothing
    /// was prepared here.</summary>
    ValueTask<StreamStatus> CompareAsync(Operation op, MemoryImage image);

    /// <summary>The end of pre-copy, after the comparison of memory. All pages are present, or listed as discarded. Ok: the destination
    /// owns the VM and runs it. Refused: it never will. The request may be repeated.</summary>
    ValueTask<StreamStatus> TakeOverAsync(Operation op, DeviceState state);

    /// <summary>Post-copy: the last page has been sent. Refused when some are still missing.</summary>
    ValueTask<FinishResult> FinishAsync(Operation op);

    /// <summary>Post-copy recovery: what is still missing, one set a RAM block; null when there is no answer.</summary>
    ValueTask<IReadOnlyList<PageSet>?> RecoverAsync(Operation op);

    /// <summary>Post-copy recovery: the source sends pages again. Returns when the destination has requested again the pages that vCPUs
    /// wait for.</summary>
    ValueTask<StreamStatus> ResumeAsync(Operation op);

    /// <summary>The migration was given up: the destination drops everything. Refused when the VM runs here.</summary>
    ValueTask<StreamStatus> AbandonAsync(Operation op);
}

/// <summary>QEMU's return path: what the destination's user space asks of the source's.</summary>
public interface IMigrationReturnPath
{
    /// <summary>A vCPU waits for the page. Returns when it has been sent, or was sent already; Lost when the link is broken.</summary>
    ValueTask<StreamStatus> RequestPageAsync(Operation op, Hva hva);
}

/// <summary>The destination's answer to the end of post-copy.</summary>
/// <param name="Status">Ok when it lacks nothing; Refused when it still does</param>
/// <param name="Blocktime">how long its vCPUs waited; None while they may still</param>
public sealed record FinishResult(StreamStatus Status, PostcopyBlocktime Blocktime)
{
    /// <summary>Pages that it lacks, for which it refuses.</summary>
    public long MissingPages { get; init; }

    public static readonly FinishResult Refused = new(StreamStatus.Refused, PostcopyBlocktime.None);

    /// <summary>No answer came.</summary>
    public static readonly FinishResult Lost = new(StreamStatus.Lost, PostcopyBlocktime.None);
}

/// <summary>
/// The state that is sent beside pages when the vCPUs have stopped: memslots, vCPUs and, in post-copy, the pages that follow later.
/// </summary>
/// <param name="Memslots">user space's memslots, in order of their ids</param>
/// <param name="Vcpus">the vCPUs, stopped</param>
/// <param name="Discard">post-copy: pages with a stale or missing copy at the destination, one set a RAM block; no set
/// otherwise</param>
public sealed record DeviceState(IReadOnlyList<MemslotChange> Memslots, IReadOnlyList<VcpuState> Vcpus, IReadOnlyList<PageSet> Discard)
{
    public bool IsPostcopy => Discard.Count > 0;
}

/// <summary>
/// A piece of the stopped source's memory for the bed's checks; no real migration sends it. Memory goes piece by piece, so that neither a
/// message nor its buffers grow with the guest.
/// </summary>
/// <param name="Pages">at most <see cref="PagesMax"/> pages of one RAM block</param>
/// <param name="Checksums">of every page</param>
/// <param name="Newest">newest value of every page, from which the guest-memory oracle goes on</param>
/// <param name="Stale">post-copy: pages with a stale or missing copy at the destination; empty otherwise</param>
public sealed record MemoryImage(HvaRange Pages, ulong[] Checksums, ulong[] Newest, PageSet Stale)
{
    public const int PagesMax = 8192;
}
