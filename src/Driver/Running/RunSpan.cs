using System.Diagnostics;
using Livebed.Driver.Campaigns;
using Livebed.Grains.Telemetry;

namespace Livebed.Driver.Running;

/// <summary>
/// The span of a whole run, which tells in events what no sample of spans can: the lock table over every acquisition, and how long each
/// guest was kept from running. So traces alone, wherever they were sent, have the figures of the run.
/// </summary>
internal static class RunSpan
{
    /// <summary>VMs that the span names: a span has to be small enough for every viewer.</summary>
    private const int VmsMax = 500;

    /// <param name="campaign">that was run</param>
    /// <param name="reports">of all actors</param>
    /// <param name="migrations">all that ended</param>
    /// <param name="began">when the run did</param>
    public static void Record(Campaign campaign, ReportLedger reports, MigrationLedger migrations, DateTimeOffset began)
    {
        Activity.Current = null;
        using var span = LivebedTelemetry.Source.StartActivity(
            SpanNames.Run, ActivityKind.Internal, default(ActivityContext), startTime: began);
        if (span is null) return;
        span.SetTag(AttributeNames.Campaign, campaign.Name).SetTag(AttributeNames.Seed, campaign.Seed)
            .SetTag(AttributeNames.Protocol, campaign.Protocol).SetTag(AttributeNames.Mutant, campaign.Mutant)
            .SetTag(AttributeNames.Placement, campaign.Placement == Placement.Packed ? "packed" : "spread");
        foreach (var (lockClass, mode, row) in reports.LockStatistics())
        {
            span.AddEvent(new ActivityEvent(EventNames.LockStat, tags: new ActivityTagsCollection
            {
                [AttributeNames.LockClass] = lockClass,
                [AttributeNames.LockMode] = mode == Kvm.Locks.LockMode.Read ? "read" : "write",
                [AttributeNames.LockAcquisitions] = row.Acquisitions,
                [AttributeNames.LockContentions] = row.Contentions,
                [AttributeNames.LockAcquisitionBounces] = row.AcquisitionBounces,
                [AttributeNames.LockContentionBounces] = row.ContentionBounces,
                [AttributeNames.LockWaitMin] = row.WaitMin,
                [AttributeNames.LockWaitMax] = row.WaitMax,
                [AttributeNames.LockWaitTotal] = row.WaitTotal,
                [AttributeNames.LockHolds] = row.Holds,
                [AttributeNames.LockHoldMin] = row.HoldMin,
                [AttributeNames.LockHoldMax] = row.HoldMax,
                [AttributeNames.LockHoldTotal] = row.HoldTotal,
            }));
        }

        var downtimes = migrations.All.GroupBy(migration => migration.Move.Slot.Index)
            .ToDictionary(group => group.Key, group => group.Sum(migration => migration.Info.DowntimeMicroseconds));
        foreach (var (slot, guest) in reports.Guests().OrderByDescending(entry => entry.Value.FaultMicroseconds).Take(VmsMax))
        {
            span.AddEvent(new ActivityEvent(EventNames.GuestStall, tags: new ActivityTagsCollection
            {
                [AttributeNames.Vm] = $"vm-{slot}",
                [AttributeNames.StallFaults] = guest.FaultMicroseconds,
                [AttributeNames.StallThrottle] = guest.ThrottleMicroseconds,
                [AttributeNames.StallDowntime] = downtimes.GetValueOrDefault(slot),
            }));
        }
    }
}
