using Livebed.Kvm.Guests;
using Livebed.Linux.Processes;

namespace Livebed.Linux.Recording;

/// <summary>Which memory of a process is recorded.</summary>
/// <param name="Ranges">a guest's RAM, in the order of its page numbers; null for all private memory of the process, as it comes and
/// goes</param>
/// <param name="Description">for people</param>
internal sealed record RecordedMemory(IReadOnlyList<ProcessMapping>? Ranges, string Description)
{
    public static RecordedMemory OfProcess { get; } = new(null, "private memory of the process");

    public bool IsGuest => Ranges is not null;

    /// <summary>Pages of a guest's RAM.</summary>
    public long Pages => (long)(Ranges!.Aggregate(0UL, (sum, range) => sum + range.Bytes) / (ulong)RemoteMemory.PageSize);

    /// <summary>What of the process's mappings it is.</summary>
    public IEnumerable<ProcessMapping> In(IEnumerable<ProcessMapping> mappings) =>
        Ranges ?? mappings.Where(mapping => mapping is { IsPrivate: true, IsWritable: true, IsOfKernel: false });
}

/// <summary>What the memory is when a recording begins.</summary>
/// <param name="Present">pages that are there</param>
/// <param name="NotZero">those of them that hold anything, and those that were not read</param>
internal sealed record InitialMemory(IReadOnlyList<PageRun> Present, IReadOnlyList<PageRun> NotZero);

/// <summary>One way to see which pages of a process are written. All calls come from one thread.</summary>
internal interface IWriteTracker : IDisposable
{
    RecordBackend Backend { get; }

    /// <summary>Whether each look makes the process's next writes page faults.</summary>
    bool CostsFaults { get; }

    /// <summary>How long a thread of the process stood still with registers that were not its own; 0 where nothing is put into
    /// it.</summary>
    double InjectedMicroseconds { get; }

    /// <summary>Begins to look.</summary>
    /// <param name="stop">ends it early</param>
    /// <exception cref="BackendException">It cannot be done in this way.</exception>
    InitialMemory Arm(CancellationToken stop);

    /// <summary>Pages that were written since the last call, in ascending order and apart; they are numbered by their address.</summary>
    /// <param name="into">cleared before</param>
    void Collect(List<PageRun> into);

    /// <summary>How many pages were written since the last <see cref="Collect"/>, without looking: none is protected again. In memory that
    /// the last look did not know there are none.</summary>
    long CountWritten();
}

/// <summary>Ways to see writes, the best first.</summary>
public enum RecordBackend
{
    /// <summary>A userfaultfd that protects without waiting, read by PAGEMAP_SCAN: Linux 6.7 and later.</summary>
    WpAsync,

    /// <summary>Soft-dirty bits of the page tables, where the kernel was built with them.</summary>
    SoftDirty,

    /// <summary>Checksums of all pages, again and again.</summary>
    Compare,
}
