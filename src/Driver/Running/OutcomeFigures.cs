using Livebed.Driver.Campaigns;
using Livebed.Driver.Counters;
using Livebed.Driver.Results;
using Livebed.Grains.Contracts;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Vms;

namespace Livebed.Driver.Running;

/// <summary>Figures of results.json from the actors' counters.</summary>
internal static class OutcomeFigures
{
    public static Counts Counts(
        ActorCounters counters, IReadOnlyList<LockResult> locks, long teardowns, (long Completed, long Failed, long Cancelled) migrations)
    {
        var vm = counters.Vm ?? new VmCounters();
        var ksm = counters.Ksm ?? default;
        return new Counts
        {
            Accesses = counters.Vcpu?.Accesses ?? 0,
            TlbRefills = counters.Vcpu?.TlbRefills ?? 0,
            Faults = counters.Vcpu?.Faults ?? 0,
            FaultRetries = counters.Vcpu?.FaultRetries ?? 0,
            NotifierRanges = vm.NotifierRanges,
            NotifierElided = vm.NotifierElided,
            NotifierMmuLockAcquisitions = vm.NotifierMmuLockAcquisitions,
            MmuLockAcquisitions = locks.Where(row => row.Class == "mmu_lock").Sum(row => row.Acquisitions),
            MemslotUpdates = vm.MemslotUpdates,
            DirtyLogGets = vm.DirtyLogGets,
            DirtyPagesReported = vm.DirtyPagesReported,
            KsmMerges = ksm.Merges,
            KsmUnmerges = ksm.Unmerges,
            MigrationsCompleted = migrations.Completed,
            MigrationsFailed = migrations.Failed,
            MigrationsCancelled = migrations.Cancelled,
            Teardowns = teardowns,
            ChecksEvaluated = vm.ChecksEvaluated + (counters.Host?.ChecksEvaluated ?? 0),
        };
    }

    /// <param name="times">by <see cref="ReachedCase.Index"/></param>
    /// <returns>by the case's name; those that were not met are absent</returns>
    public static IReadOnlyDictionary<string, long> Reached(IReadOnlyList<long> times) =>
        ReachedCase.All.Where(one => times[one.Index] > 0).ToDictionary(one => one.Name, one => times[one.Index]);

    public static KsmResult Ksm(ActorCounters counters)
    {
        var ksm = counters.Ksm ?? default;
        return new KsmResult
        {
            PagesShared = ksm.PagesShared,
            PagesSharing = ksm.PagesSharing,
            PagesUnshared = ksm.PagesUnshared,
            PagesVolatile = ksm.PagesVolatile,
            FullScans = ksm.FullScans,
            MergesAbandoned = counters.Host?.KsmPinned ?? 0,
        };
    }

    /// <summary>One line for each place of the fleet, over all VMs that lived there, and the load over all of them.</summary>
    public static (IReadOnlyList<GuestResult> Guests, DeliveredLoad Load) Guests(Fleet fleet, ReportLedger reports, LoadLedger load)
    {
        var figures = reports.Guests();
        var (due, executed) = (0L, 0L);
        var rows = new List<GuestResult>(fleet.Slots.Count);
        foreach (var slot in fleet.Slots)
        {
            var settings = slot.Settings;
            var guest = figures.GetValueOrDefault(slot.Index);
            var share = HasRate(settings.Guest) ? DeliveredLoad.ShareOf(guest.ExecutedMicroseconds, guest.DueMicroseconds) : (double?)null;
            if (share is not null) (due, executed) = (due + guest.DueMicroseconds, executed + guest.ExecutedMicroseconds);
            rows.Add(new GuestResult(
                slot.DisplayName, settings.Vcpus, settings.Guest.ReplaysTrace ? settings.Guest.Trace : null,
                guest.Accesses, guest.BehindMicroseconds, share));
        }

        return (rows, new DeliveredLoad(load.Loads(), due, executed));
    }

    /// <summary>As fast as possible is no load that could be missed.</summary>
    private static bool HasRate(GuestSettings guest) => guest.ReplaysTrace || guest.Rate > 0;
}
