using System.Diagnostics;
using System.Diagnostics.Metrics;
using Livebed.Grains.Telemetry;
using Livebed.Grains.Tests.Hosting;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Grains.Tests.Telemetry;

[Collection(TracingCollection.Name)]
public sealed class TelemetryObserverTests : IDisposable
{
    private static readonly Operation Fault = new(new OperationId(1), OperationKind.Fault);
    private static readonly Operation Unmap = new(new OperationId(2), HostEventKind.Unmap);
    private readonly List<Activity> _exported = [];
    private readonly List<Violation> _violations = [];
    private readonly SteppedTime _time = new();
    private readonly SuppressedSpans _suppressed = new();
    private readonly SiloTelemetry _silo;
    private readonly TelemetryObserver _observer;
    private SpanListener? _listener;

    public TelemetryObserverTests()
    {
        Activity.Current = null;
        _silo = new SiloTelemetry("silo-1", new TelemetryThresholds { PromotedPerSecond = 3 }, _time);
        _observer = _silo.Observe("vm-0.0@host-0", _violations.Add);
    }

    private long Faults => HistogramEncoding.Decode(_silo.Latencies.Report(measuredFrom: 0).Faults).TotalCount;

    public void Dispose() => _listener?.Dispose();

    [Fact]
    public void An_ordinary_fault_is_a_sample_and_no_span()
    {
        Sample(1);
        _observer.FaultResolved(Resolved(retries: 3, microseconds: 19_999));
        Assert.Empty(_exported);
        Assert.Equal(1, Faults);
    }

    [Theory]
    [InlineData(4, 5, "retried")]
    [InlineData(0, 20_000, "slow")]
    public void A_fault_that_was_slow_or_retried_often_is_a_back_dated_span_whatever_the_ratio(int retries, long microseconds, string why)
    {
        Sample(0.000001);
        _observer.FaultResolved(Resolved(retries, microseconds));
        var fault = Assert.Single(_exported);
        Assert.Equal(SpanNames.Fault, fault.OperationName);
        Assert.Equal(default, fault.ParentSpanId);
        Assert.Equal(_time.GetUtcNow().AddMicroseconds(-microseconds).UtcDateTime, fault.StartTimeUtc);
        Assert.Equal(microseconds, fault.Duration.TotalMicroseconds);
        Assert.Equal("silo-1", fault.GetTagItem(AttributeNames.Silo));
        Assert.Equal("vm-0", fault.GetTagItem(AttributeNames.Vm));
        Assert.Equal(retries, fault.GetTagItem(AttributeNames.FaultRetries));
        Assert.Equal(why, fault.GetTagItem(AttributeNames.Promoted));
    }

    [Fact]
    public void Spans_say_under_which_epoch_the_VM_runs_once_it_is_known()
    {
        Sample(1);
        _observer.FaultResolved(Resolved(retries: 4, microseconds: 5));
        _observer.RunsUnder(2);
        _observer.FaultResolved(Resolved(retries: 4, microseconds: 5));

        // That a guest has stopped under an epoch is no news about where it runs.
        _observer.GuestRuns("vm-0", "host-0", epoch: 7, runs: false);
        _observer.GuestRuns("vm-0", "host-0", epoch: 3, runs: true);
        _observer.FaultResolved(Resolved(retries: 4, microseconds: 5));
        Assert.Equal([null, 2L, 3L], _exported.Select(fault => fault.GetTagItem(AttributeNames.Epoch)));
    }

    [Theory]
    [InlineData(RetryReason.InvalidationInProgress, 7, "op 0.2")]
    [InlineData(RetryReason.SequenceChanged, 7, "op 0.2")]
    [InlineData(RetryReason.SequenceChanged, 8, null)]
    [InlineData(RetryReason.InvalidMemslot, 0, "op 0.3")]
    public void A_retried_fault_leads_to_the_invalidation_that_made_it_begin_again(RetryReason reason, ulong snapshot, string? cause)
    {
        Sample(1);
        var vcpu = _silo.Observe("vm-0.0@host-0/vcpu-0", _violations.Add);
        vcpu.ExplainFault = fault => Task.FromResult(_observer.Explain(fault));

        // One that the fault cannot be about has ended before; and one page was moved in the memslots.
        var elided = _observer.RangeStarts(new Operation(new OperationId(9), HostEventKind.Spurious), 1, new HvaRange(new Hva(1), 1))!;
        _observer.RangeEnded(elided, before: 7, after: 7);
        var range = _observer.RangeStarts(Unmap, rangeId: 2, new HvaRange(new Hva(100), 4))!;
        range.InProgress = 1;
        _observer.GfnsOf = pages => new GfnRange(new Gfn(pages.Start.Value - 95), pages.Pages);
        _time.Advance(3);
        if (reason == RetryReason.SequenceChanged) _observer.RangeEnded(_observer.RangeEnds(2)!, before: 7, after: 8);
        using (_observer.Enter(new Operation(new OperationId(3), OperationKind.MemslotMove)))
            _observer.FaultRetried(new FaultRetry(Fault.Id, new Gfn(5), new Hva(101), reason, snapshot));
        _time.Advance(30_000);
        vcpu.FaultResolved(Resolved(retries: 1, microseconds: 30_000));

        var promoted = _exported.Single(span => span.OperationName == SpanNames.Fault);
        Assert.Equal(cause, promoted.GetTagItem(AttributeNames.FaultCauses));
        if (cause is null) return;
        var invalidation = _exported.Single(span => span.OperationName == SpanNames.Invalidation);
        Assert.Equal(invalidation.Context.SpanId, Assert.Single(promoted.Links).Context.SpanId);
        Assert.Equal(cause, invalidation.GetTagItem(AttributeNames.OperationId));
        Assert.Equal("vm-0", invalidation.GetTagItem(AttributeNames.Vm));
        if (reason == RetryReason.InvalidMemslot) return;
        Assert.Equal([5L, 9L], new[] { AttributeNames.Gfn, AttributeNames.GfnEnd }.Select(invalidation.GetTagItem));
        if (reason != RetryReason.SequenceChanged) return;
        Assert.Equal(3, invalidation.Duration.TotalMicroseconds);
        Assert.Equal(8L, invalidation.GetTagItem(AttributeNames.Sequence));
    }

    [Fact]
    public void A_long_lock_wait_belongs_to_the_waiter_although_the_releaser_reports_it()
    {
        Sample(1);
        OperationSpan waiter, holder;
        using (Detached(out waiter, Fault))
        using (_observer.Enter(Fault))
        using (Detached(out holder, Unmap))
        using (_observer.Enter(Unmap))
        {
            _observer.LockWaited(Wait(9_999));
            _observer.LockWaited(Wait(10_000));
        }

        holder.Dispose();
        waiter.Dispose();
        var wait = _exported.Single(span => span.OperationName == SpanNames.LockWait);
        Assert.Equal(_exported.Single(span => span.OperationName == "kvm.op.fault").SpanId, wait.ParentSpanId);
        var hold = _exported.Single(span => span.OperationName == SpanNames.LockHold);
        Assert.Equal(hold.SpanId, Assert.Single(wait.Links).Context.SpanId);
        Assert.Equal(_exported.Single(span => span.OperationName == "kvm.op.unmap").SpanId, hold.ParentSpanId);
        Assert.Equal(12_000, hold.Duration.TotalMicroseconds);
        Assert.Equal("mmu_lock", wait.GetTagItem(AttributeNames.LockClass));
        Assert.Equal("write", wait.GetTagItem(AttributeNames.LockMode));
        Assert.Equal("unmap", wait.GetTagItem(AttributeNames.LockHolderKind));
    }

    [Fact]
    public void All_who_wait_for_one_hold_lead_to_its_one_span_also_where_nothing_of_it_is_sampled()
    {
        Sample(0.000001);
        _observer.LockWaited(Wait(50_000));
        _observer.LockWaited(Wait(40_000));
        var hold = Assert.Single(_exported, span => span.OperationName == SpanNames.LockHold);
        var waits = _exported.Where(span => span.OperationName == SpanNames.LockWait).ToList();
        Assert.Equal(2, waits.Count);
        Assert.All(waits, wait => Assert.Equal(hold.SpanId, Assert.Single(wait.Links).Context.SpanId));
    }

    [Fact]
    public void A_storm_of_outliers_is_cut_to_the_rate_and_the_rest_is_counted()
    {
        Sample(1);
        using var suppressed = new SuppressedCounter();
        for (var i = 0; i < 100; i++) _observer.FaultResolved(Resolved(retries: 9, microseconds: 1));
        Assert.Equal(3, _exported.Count);
        Assert.Equal(100, Faults);
        Assert.Equal(["rate 97"], suppressed.Read());
        Assert.Equal(97, _silo.Suppressed.Of(SpanLimit.Rate));
    }

    /// <summary>A ratio at which none of the operations is drawn.</summary>
    [Fact]
    public void An_operation_in_the_slow_tail_is_a_back_dated_span_whatever_the_ratio_and_the_others_are_none()
    {
        Sample(1e-12);
        for (var i = 0; i < 50; i++)
            using (LivebedTelemetry.StartOperation(Unmap.Kind, new OperationId(i))) { }
        var before = DateTime.UtcNow;
        var tail = LivebedTelemetry.StartOperation(Unmap.Kind, Unmap.Id, subject: new(3, Hvas: new HvaRange(new Hva(100), 4)));
        var after = DateTime.UtcNow;
        tail.IsInTail = true;
        tail.Dispose();
        var span = Assert.Single(_exported);
        Assert.Equal((SpanNames.Operation(Unmap.Kind), "slow"), (span.OperationName, span.GetTagItem(AttributeNames.Promoted)));
        Assert.Equal(default, span.ParentSpanId);

        // Two clocks, that of the wall and that of durations.
        var tolerance = TimeSpan.FromMilliseconds(20);
        Assert.InRange(span.StartTimeUtc, before - tolerance, after + tolerance);
        Assert.Equal("vm-3", span.GetTagItem(AttributeNames.Vm));
        Assert.Equal([100L, 4L], new[] { AttributeNames.Hva, AttributeNames.Pages }.Select(span.GetTagItem));
    }

    [Fact]
    public void A_phase_is_a_span_of_a_sampled_operation_and_nothing_of_another()
    {
        Sample(1);
        Assert.Null(_observer.Phase(Unmap, "zap"));
        using (LivebedTelemetry.StartOperation(Unmap.Kind, Unmap.Id))
            _observer.Phase(Unmap, "zap", number: 4)!.Dispose();
        Assert.Equal(["kvm.phase.zap", "kvm.op.unmap"], _exported.Select(span => span.OperationName));
        Assert.Equal(4L, _exported[0].GetTagItem(AttributeNames.PhaseNumber));
        Assert.Equal(_exported[1].SpanId, _exported[0].ParentSpanId);
    }

    [Fact]
    public void A_violation_is_recorded_and_told_even_when_nothing_is_sampled()
    {
        Sample(0);
        using (LivebedTelemetry.StartOperation(Unmap.Kind, Unmap.Id))
        {
            var current = Activity.Current;
            _observer.Violated(new Violation("S5", "a page was freed early", Vm: "vm-3", Gfn: new Gfn(7)));
            Assert.Same(current, Activity.Current);
        }

        var span = Assert.Single(_exported);
        Assert.Equal("S5", span.GetTagItem(AttributeNames.Violation));
        Assert.Equal(7L, span.GetTagItem(AttributeNames.Gfn));
        Assert.Equal(ActivityStatusCode.Error, span.Status);
        Assert.Equal("S5", Assert.Single(_violations).Invariant);
    }

    [Fact]
    public void A_trace_stays_within_its_budget_and_what_is_beyond_is_counted()
    {
        Sample(1, spansPerTrace: 10);
        using var suppressed = new SuppressedCounter();
        using (LivebedTelemetry.StartOperation(Unmap.Kind, Unmap.Id))
            for (var i = 0; i < 50; i++)
                _observer.Phase(Unmap, "zap")?.Dispose();
        Assert.Equal(10, _exported.Count);
        Assert.Equal(["trace-budget 41"], suppressed.Read());
        Assert.Equal(41, _suppressed.Of(SpanLimit.TraceBudget));
    }

    [Fact]
    public void An_operation_that_nobody_concluded_has_an_unknown_outcome()
    {
        Sample(1);
        LivebedTelemetry.StartOperation(Unmap.Kind, Unmap.Id, lateMicroseconds: 5).Dispose();
        using (var span = LivebedTelemetry.StartOperation(Unmap.Kind, Unmap.Id)) span.Outcome = OperationOutcome.Ok;
        Assert.Equal(["info", "ok"], _exported.Select(span => span.GetTagItem(AttributeNames.Outcome)));
        Assert.Equal(5L, _exported[0].GetTagItem(AttributeNames.LateMicroseconds));
    }

    private static LockWait Wait(long microseconds) => new(
        LockClasses.MmuLock, "vm-0", LockMode.Write, Fault.Id, Fault.Kind, Unmap.Id, Unmap.Kind, microseconds)
    {
        HolderSince = 1_000_000,
        HolderUntil = 1_012_000,
    };

    private static ResolvedFault Resolved(int retries, long microseconds) =>
        new(Fault.Id, new Gfn(5), Write: true, retries, microseconds, RetryMicroseconds: microseconds / 2);

    /// <summary>A root span for the operation, current until the returned guard is disposed; the span itself goes on.</summary>
    private static CurrentGuard Detached(out OperationSpan span, Operation op)
    {
        var outer = Activity.Current;
        Activity.Current = null;
        span = LivebedTelemetry.StartOperation(op.Kind, op.Id);
        return new CurrentGuard(outer);
    }

    private void Sample(double ratio, int spansPerTrace = RootSampler.DefaultSpansPerTrace) =>
        _listener = new SpanListener(
            new SpanOrigin("test", "test"), new RootSampler(ratio, spansPerTrace, _suppressed), (span, _) => _exported.Add(span));

    /// <summary>What the metric counts, by its reason.</summary>
    private sealed class SuppressedCounter : IDisposable
    {
        private readonly MeterListener _listener = new();
        private readonly SortedDictionary<string, long> _counts = new(StringComparer.Ordinal);

        public SuppressedCounter()
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Name == MetricNames.SpansSuppressed) listener.EnableMeasurementEvents(instrument);
            };
            _listener.SetMeasurementEventCallback<long>((_, count, tags, _) =>
            {
                var reason = (string)tags.ToArray().Single(tag => tag.Key == AttributeNames.Reason).Value!;
                _counts[reason] = _counts.GetValueOrDefault(reason) + count;
            });
            _listener.Start();
        }

        public IEnumerable<string> Read() => _counts.Select(count => $"{count.Key} {count.Value}");

        public void Dispose() => _listener.Dispose();
    }

    private sealed class CurrentGuard(Activity? outer) : IDisposable
    {
        public void Dispose() => Activity.Current = outer;
    }
}
