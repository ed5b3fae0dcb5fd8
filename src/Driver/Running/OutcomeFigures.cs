using Livebed.Driver.Counters;
using Livebed.Driver.Results;

namespace Livebed.Driver.Running;

/// <summary>Figures of results.json from the actors' counters.</summary>
internal static class OutcomeFigures
{
    public static Counts Counts(
        IReadOnlyDictionary<string, long> counters, IReadOnlyList<LockResult> locks, long teardowns,
        (long Completed, long Failed, long Cancelled) migrations)
    {
        long Of(string name) => counters.GetValueOrDefault(name);
        return new Counts
        {
            Accesses = Of("vcpu.accesses"),
            Faults = Of("vm.faults"),
            FaultRetries = Of("vm.faultRetries"),
            NotifierRanges = Of("vm.notifierRanges"),
            NotifierElided = Of("vm.notifierElided"),
            NotifierMmuLockAcquisitions = Of("vm.notifierMmuLockAcquisitions"),
            MmuLockAcquisitions = locks.Where(row => row.Class == "mmu_lock").Sum(row => row.Acquisitions),
            MemslotUpdates = Of("vm.memslotUpdates"),
            DirtyLogGets = Of("vm.dirtyLogGets"),
            DirtyPagesReported = Of("vm.dirtyPagesReported"),
            KsmMerges = Of("ksm.merges"),
            KsmUnmerges = Of("ksm.unmerges"),
            MigrationsCompleted = migrations.Completed,
            MigrationsFailed = migrations.Failed,
            MigrationsCancelled = migrations.Cancelled,
            Teardowns = teardowns,
            ChecksEvaluated = Of("vm.checksEvaluated") + Of("host.checksEvaluated"),
        };
    }

    public static KsmResult Ksm(IReadOnlyDictionary<string, long> counters) => new()
    {
        PagesShared = counters.GetValueOrDefault("ksm.pagesShared"),
        PagesSharing = counters.GetValueOrDefault("ksm.pagesSharing"),
        PagesUnshared = counters.GetValueOrDefault("ksm.pagesUnshared"),
        PagesVolatile = counters.GetValueOrDefault("ksm.pagesVolatile"),
        FullScans = counters.GetValueOrDefault("ksm.fullScans"),
        MergesAbandoned = counters.GetValueOrDefault("host.ksmPinned"),
    };

    /// <summary>One line for each place of the fleet, over all VMs that lived there.</summary>
    public static IReadOnlyList<GuestResult> Guests(Fleet fleet, ReportLedger reports) => [.. fleet.Slots.Select(slot =>
    {
        var (accesses, behind) = reports.Guests(slot.Index);
        var settings = slot.Settings;
        return new GuestResult(
            $"{settings.Name} (vm-{slot.Index})", settings.Vcpus, settings.Guest.ReplaysTrace ? settings.Guest.Trace : null, accesses,
            behind);
    })];
}
