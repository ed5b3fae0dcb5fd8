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
    /// <summary>Guests with a row of their own.</summary>
    public const int GuestRowsMax = 200;

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
            DeviceWrites = vm.DeviceWrites,
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

    /// <summary>The load over all operations and guests.</summary>
    public static DeliveredLoad Load(Campaign campaign, ReportLedger reports, LoadLedger load)
    {
        var kinds = reports.Kinds();
        var (due, executed) = (0L, 0L);
        for (var kind = 0; kind < campaign.Vms.Count; kind++)
        {
            if (!HasRate(campaign.Vms[kind].Guest)) continue;
            var guests = kinds.GetValueOrDefault(kind);
            (due, executed) = (due + guests.DueMicroseconds, executed + guests.ExecutedMicroseconds);
        }

        return new DeliveredLoad(load.Loads(), due, executed);
    }

    /// <summary>One row for each place of the fleet, over all VMs that lived there; of more than <see cref="GuestRowsMax"/> places half as
    /// many are those whose guests executed least of their programs, and the others a sample at equal distances.</summary>
    public static (IReadOnlyList<GuestResult> Rows, int Unlisted) Guests(Fleet fleet, ReportLedger reports)
    {
        var figures = reports.Guests();
        var rows = fleet.Slots.Select(slot => RowOf(slot, figures.GetValueOrDefault(slot.Index))).ToList();
        return (Listed(rows), Math.Max(0, rows.Count - GuestRowsMax));
    }

    /// <summary>Of rows in the order of the fleet, those that are listed, in that order.</summary>
    internal static IReadOnlyList<GuestResult> Listed(IReadOnlyList<GuestResult> rows)
    {
        if (rows.Count <= GuestRowsMax) return rows;
        var listed = Enumerable.Range(0, rows.Count)
            .OrderBy(place => rows[place].ExecutedShare ?? 1).ThenByDescending(place => rows[place].BehindMicroseconds)
            .Take(GuestRowsMax / 2).ToHashSet();
        var others = Enumerable.Range(0, rows.Count).Where(place => !listed.Contains(place)).ToList();
        var sampled = GuestRowsMax - listed.Count;
        for (var n = 0; n < sampled; n++) listed.Add(others[(int)((long)n * others.Count / sampled)]);
        return [.. listed.Order().Select(place => rows[place])];
    }

    private static GuestResult RowOf(VmSlot slot, GuestFigures guest)
    {
        var settings = slot.Settings;
        return new GuestResult(
            slot.DisplayName, settings.Vcpus, settings.Guest.ReplaysTrace ? settings.Guest.Trace : null, guest.Accesses,
            guest.BehindMicroseconds,
            HasRate(settings.Guest) ? DeliveredLoad.ShareOf(guest.ExecutedMicroseconds, guest.DueMicroseconds) : null);
    }

    /// <summary>As fast as possible is no load that could be missed.</summary>
    private static bool HasRate(GuestSettings guest) => guest.ReplaysTrace || guest.Rate > 0;
}
