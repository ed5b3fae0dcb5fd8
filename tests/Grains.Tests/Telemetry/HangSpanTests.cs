using System.Diagnostics;
using Livebed.Grains.Telemetry;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Grains.Tests.Telemetry;

[Collection(TracingCollection.Name)]
public sealed class HangSpanTests
{
    [Theory]
    [InlineData(0.000001)]
    [InlineData(0)]
    public void A_hang_is_a_trace_of_its_own_that_has_its_waits_whatever_the_ratio(double ratio)
    {
        var exported = new List<Activity>();
        using var listener = new SpanListener(
            new SpanOrigin("test", "test"), new RootSampler(ratio, suppressed: null), (span, _) => exported.Add(span));
        using var outer = new Activity("the driver's own").Start();

        HangSpan.Record(new Hang(HangKind.Deadlock, Invariants.Deadlock, "they wait for each other", [], [Id(1), Id(2)], 400_000)
        {
            Waits = [Wait(1, 2, 700_000), Wait(2, 1, 400_000)],
        });

        Assert.Same(outer, Activity.Current);
        var hang = exported.Single(span => span.OperationName == SpanNames.Violation);
        Assert.Equal(default, hang.ParentSpanId);
        Assert.Equal(ActivityStatusCode.Error, hang.Status);
        Assert.Equal("deadlock", hang.GetTagItem(AttributeNames.Violation));
        Assert.Equal("they wait for each other", hang.GetTagItem(AttributeNames.ViolationMessage));
        Assert.Equal("op 0.1, op 0.2", hang.GetTagItem(AttributeNames.OperationId));
        var waits = exported.Where(span => span.OperationName == SpanNames.LockWait).ToList();
        Assert.Equal([700_000, 400_000], waits.Select(span => span.Duration.TotalMicroseconds));
        Assert.Equal(["op 0.2", "op 0.1"], waits.Select(span => span.GetTagItem(AttributeNames.LockHolder)));
        Assert.All(waits, span =>
        {
            Assert.Equal((hang.TraceId, hang.SpanId), (span.TraceId, span.ParentSpanId));
            Assert.Equal("slots_lock", span.GetTagItem(AttributeNames.LockClass));
            Assert.Equal("vm-1.0@host-0", span.GetTagItem(AttributeNames.Actor));
            Assert.Equal("write", span.GetTagItem(AttributeNames.LockMode));
            Assert.Equal("unmap", span.GetTagItem(AttributeNames.LockHolderKind));
            Assert.True(span.StartTimeUtc >= hang.StartTimeUtc);
        });
    }

    private static OperationId Id(int operation) => new(operation);

    private static ObservedWait Wait(int waiter, int holder, long waited) => new("vm-1.0@host-0", new WaitSnapshot(
        waiter, Id(waiter), OperationKind.Fault, "slots_lock", "vm-1.0@host-0", LockMode.Write, waited,
        [new WaitBlocker(Id(holder), HostEventKind.Unmap, LockMode.Write, Queued: false)]));
}
