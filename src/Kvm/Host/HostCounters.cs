using Livebed.Kvm.World;

namespace Livebed.Kvm.Host;

/// <summary>
/// What happened at one host, counted. Guest accesses are counted by the threads of vCPUs, everything else in the host's turns.
/// </summary>
[Untracked("statistics")]
public sealed class HostCounters
{
    private long _guestReads;
    private long _guestWrites;
    private long _guestChecks;
    private long _mmChecks;

    public long Accesses => GuestReads + GuestWrites;
    public long GuestReads => Interlocked.Read(ref _guestReads);
    public long GuestWrites => Interlocked.Read(ref _guestWrites);

    /// <summary>Checks that were evaluated, whatever came out: S1, S12 and the oracle for each access, S10 for each PTE change,
    /// audits.</summary>
    public long ChecksEvaluated => Interlocked.Read(ref _guestChecks) + _mmChecks;

    /// <summary>Writes by KVM itself (copy_to_user).</summary>
    public long UserWrites { get; internal set; }

    /// <summary>Calls of FaultIn.</summary>
    public long FaultIns { get; internal set; }

    /// <summary>Ranges begun: calls of invalidate_range_start for one mm, however many subscribers it has.</summary>
    public long NotifierRanges { get; internal set; }

    /// <summary>Those of them that lie in scratch memory, outside of every memslot.</summary>
    public long SpuriousRanges { get; internal set; }

    /// <summary>Non-blockable ranges that a subscriber refused with -EAGAIN.</summary>
    public long RangesRefused { get; internal set; }

    public long DemandZeroFaults { get; internal set; }
    public long CowBreaks { get; internal set; }

    /// <summary>Write faults that found this mm to be the only user of the page, and made the PTE writable without a
    /// notification.</summary>
    public long CowReuses { get; internal set; }

    public long SwapOuts { get; internal set; }
    public long SwapIns { get; internal set; }
    public long NumaHints { get; internal set; }
    public long PageMigrations { get; internal set; }
    public long PageMigrationsGivenUp { get; internal set; }
    public long MigrationWaits { get; internal set; }

    /// <summary>Accesses that found a page missing and waited for user space to place it (userfaultfd).</summary>
    public long UserFaults { get; internal set; }

    public long AllocationFailures { get; internal set; }
    public long AddressSpaceExits { get; internal set; }

    /// <summary>Pages that KSM repointed to a shared page.</summary>
    public long KsmMerges { get; internal set; }

    /// <summary>KSM mappings that a write broke.</summary>
    public long KsmUnmerges { get; internal set; }

    /// <summary>Merges that KSM gave up because of another reference on the page.</summary>
    public long KsmPinned { get; internal set; }

    internal void AddAccesses(long reads, long writes, long checks)
    {
        Interlocked.Add(ref _guestReads, reads);
        Interlocked.Add(ref _guestWrites, writes);
        Interlocked.Add(ref _guestChecks, checks);
    }

    internal void AddChecks(long checks) => _mmChecks += checks;
}

/// <summary>What is in use at a host now; all zero when every address space has exited and no operation runs (S11).</summary>
/// <param name="Frames">frames allocated, without the zero frame</param>
/// <param name="SwapSlots">pages in swap</param>
/// <param name="OpenRanges">ranges between start and end</param>
/// <param name="Subscriptions">notifier subscriptions</param>
/// <param name="AddressSpaces">address spaces that have not exited</param>
/// <param name="FolioLocks">folio locks held or wanted</param>
/// <param name="Operations">operations that run, held ranges among them</param>
public readonly record struct HostUsage(
    int Frames, int SwapSlots, int OpenRanges, int Subscriptions, int AddressSpaces, int FolioLocks, int Operations)
{
    public bool IsNothing => this == default;
}
