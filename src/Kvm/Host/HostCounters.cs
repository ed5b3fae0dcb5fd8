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

    /// <summary>What they are now.</summary>
    public HostCounts Read() => new()
    {
        GuestReads = GuestReads,
        GuestWrites = GuestWrites,
        ChecksEvaluated = ChecksEvaluated,
        UserWrites = UserWrites,
        FaultIns = FaultIns,
        NotifierRanges = NotifierRanges,
        SpuriousRanges = SpuriousRanges,
        RangesRefused = RangesRefused,
        DemandZeroFaults = DemandZeroFaults,
        CowBreaks = CowBreaks,
        CowReuses = CowReuses,
        SwapOuts = SwapOuts,
        SwapIns = SwapIns,
        NumaHints = NumaHints,
        PageMigrations = PageMigrations,
        PageMigrationsGivenUp = PageMigrationsGivenUp,
        MigrationWaits = MigrationWaits,
        UserFaults = UserFaults,
        AllocationFailures = AllocationFailures,
        AddressSpaceExits = AddressSpaceExits,
        KsmMerges = KsmMerges,
        KsmUnmerges = KsmUnmerges,
        KsmPinned = KsmPinned,
    };

    internal void AddAccesses(long reads, long writes, long checks)
    {
        Interlocked.Add(ref _guestReads, reads);
        Interlocked.Add(ref _guestWrites, writes);
        Interlocked.Add(ref _guestChecks, checks);
    }

    internal void AddChecks(long checks) => _mmChecks += checks;
}

/// <summary>The values of <see cref="HostCounters"/> at one time; those of several hosts are added up.</summary>
public sealed record HostCounts
{
    public long GuestReads { get; init; }
    public long GuestWrites { get; init; }
    public long ChecksEvaluated { get; init; }
    public long UserWrites { get; init; }
    public long FaultIns { get; init; }
    public long NotifierRanges { get; init; }
    public long SpuriousRanges { get; init; }
    public long RangesRefused { get; init; }
    public long DemandZeroFaults { get; init; }
    public long CowBreaks { get; init; }
    public long CowReuses { get; init; }
    public long SwapOuts { get; init; }
    public long SwapIns { get; init; }
    public long NumaHints { get; init; }
    public long PageMigrations { get; init; }
    public long PageMigrationsGivenUp { get; init; }
    public long MigrationWaits { get; init; }
    public long UserFaults { get; init; }
    public long AllocationFailures { get; init; }
    public long AddressSpaceExits { get; init; }
    public long KsmMerges { get; init; }
    public long KsmUnmerges { get; init; }
    public long KsmPinned { get; init; }

    public static HostCounts operator +(HostCounts one, HostCounts other) => Combine(one, other, (a, b) => a + b);

    /// <summary>What was counted since.</summary>
    public static HostCounts operator -(HostCounts now, HostCounts before) => Combine(now, before, (a, b) => a - b);

    private static HostCounts Combine(HostCounts one, HostCounts other, Func<long, long, long> sum) => new()
    {
        GuestReads = sum(one.GuestReads, other.GuestReads),
        GuestWrites = sum(one.GuestWrites, other.GuestWrites),
        ChecksEvaluated = sum(one.ChecksEvaluated, other.ChecksEvaluated),
        UserWrites = sum(one.UserWrites, other.UserWrites),
        FaultIns = sum(one.FaultIns, other.FaultIns),
        NotifierRanges = sum(one.NotifierRanges, other.NotifierRanges),
        SpuriousRanges = sum(one.SpuriousRanges, other.SpuriousRanges),
        RangesRefused = sum(one.RangesRefused, other.RangesRefused),
        DemandZeroFaults = sum(one.DemandZeroFaults, other.DemandZeroFaults),
        CowBreaks = sum(one.CowBreaks, other.CowBreaks),
        CowReuses = sum(one.CowReuses, other.CowReuses),
        SwapOuts = sum(one.SwapOuts, other.SwapOuts),
        SwapIns = sum(one.SwapIns, other.SwapIns),
        NumaHints = sum(one.NumaHints, other.NumaHints),
        PageMigrations = sum(one.PageMigrations, other.PageMigrations),
        PageMigrationsGivenUp = sum(one.PageMigrationsGivenUp, other.PageMigrationsGivenUp),
        MigrationWaits = sum(one.MigrationWaits, other.MigrationWaits),
        UserFaults = sum(one.UserFaults, other.UserFaults),
        AllocationFailures = sum(one.AllocationFailures, other.AllocationFailures),
        AddressSpaceExits = sum(one.AddressSpaceExits, other.AddressSpaceExits),
        KsmMerges = sum(one.KsmMerges, other.KsmMerges),
        KsmUnmerges = sum(one.KsmUnmerges, other.KsmUnmerges),
        KsmPinned = sum(one.KsmPinned, other.KsmPinned),
    };
}

/// <summary>What is in use at a host now; all zero when every address space has exited and no operation runs (S11).</summary>
/// <param name="Frames">frames allocated, without the zero frame</param>
/// <param name="SwapSlots">pages in swap</param>
/// <param name="OpenRanges">ranges between start and end</param>
/// <param name="Subscriptions">notifier subscriptions</param>
/// <param name="AddressSpaces">address spaces that have not exited</param>
/// <param name="MmStructs">address spaces with a reference left, which is what keeps the object (mm_count)</param>
/// <param name="FolioLocks">folio locks held or wanted</param>
/// <param name="Operations">operations that run, held ranges among them</param>
public readonly record struct HostUsage(
    int Frames, int SwapSlots, int OpenRanges, int Subscriptions, int AddressSpaces, int MmStructs, int FolioLocks,
    int Operations)
{
    public bool IsNothing => this == default;

    public static HostUsage operator +(HostUsage one, HostUsage other) => new(
        one.Frames + other.Frames, one.SwapSlots + other.SwapSlots, one.OpenRanges + other.OpenRanges,
        one.Subscriptions + other.Subscriptions, one.AddressSpaces + other.AddressSpaces, one.MmStructs + other.MmStructs,
        one.FolioLocks + other.FolioLocks, one.Operations + other.Operations);
}
