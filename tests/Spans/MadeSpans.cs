using System.Diagnostics;
using Livebed.Grains.Telemetry;

namespace Livebed.Spans;

/// <summary>
/// Spans of a run that there was not, by a seed: operations with a tree over two silos, holds with those that waited for them, faults with
/// the invalidations that made them begin again, and the span of the run. Names, attributes, links and the form of a line are those of a
/// real run, and so is the mix, roughly: of 100 spans 30 are lock waits, 15 holds, 10 faults, 10 invalidations, the others operations and
/// their calls.
/// </summary>
internal sealed class MadeSpans : IDisposable
{
    private const int LineSpans = 512;
    private const int Silos = 3;
    private const int Vms = 6;
    private static readonly DateTime Beginning = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);
    private static readonly ActivitySource Orleans = new("Microsoft.Orleans.Application");
    private static readonly string[] Kinds = ["dont-need", "unmap", "reclaim", "ksm-scan", "numa-balancing", "memslot-create"];
    private static readonly string[] Locks = ["mmap_lock", "mmu_lock", "kvm_srcu", "slots_lock", "mn_active_invalidate"];
    private static readonly string[] Reasons = ["invalidation-in-progress", "sequence-changed", "mapping-gone"];

    private readonly Random _random;
    private readonly Stream _target;
    private readonly OtlpJson _json = new();
    private readonly ActivityListener _listener;
    private readonly List<(Activity Span, SpanOrigin Origin)> _batch = [];
    private readonly long _seed;
    private DateTime _now = Beginning;
    private int _operation;

    public MadeSpans(int seed, Stream target)
    {
        (_seed, _random, _target) = (seed, new Random(seed), target);
        _listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == LivebedTelemetry.SourceName || source.Name == Orleans.Name,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
        };
        ActivitySource.AddActivityListener(_listener);
    }

    public long Count { get; private set; }
    public long Waits { get; private set; }
    public long Retried { get; private set; }

    /// <summary>Makes at least so many spans, and no more than a story's beyond.</summary>
    public void Make(long spans)
    {
        while (Count + 1 < spans)
        {
            _now = _now.AddMicroseconds(_random.Next(2_000));
            switch (_random.Next(10))
            {
                case < 1:
                    Operation();
                    break;
                case < 6:
                    Contention();
                    break;
                default:
                    RetriedFault();
                    break;
            }
        }

        Run();
        Write();
        _target.Flush();
    }

    public void Dispose()
    {
        _listener.Dispose();
        _json.Dispose();
    }

    /// <summary>A host event: the driver calls a host, which notifies a VM on another silo, which flushes its vCPUs.</summary>
    private void Operation()
    {
        var (kind, silo, vm, id) = (Any(Kinds), _random.Next(Silos), _random.Next(Vms), NextOperation());
        var took = _random.Next(1_000, 200_000);
        var root = Start($"kvm.op.{kind}", default, _now);
        root.SetTag(AttributeNames.OperationId, id).SetTag(AttributeNames.OperationKind, kind).SetTag(AttributeNames.LateMicroseconds, 12L)
            .SetTag(AttributeNames.Outcome, "ok");
        var host = Call("IHostMmuGrain/RunEventAsync", root, $"hostmmu/host-{silo}", null, silo, _now, took - 20);
        foreach (var phase in (string[])["invalidate_range_start", "invalidate_range_end"])
        {
            var at = _now.AddMicroseconds(phase.EndsWith("start", StringComparison.Ordinal) ? 50 : took * 0.6);
            var span = Start($"kvm.phase.{phase}", host.Context, at);
            Place(span, silo, vm).SetTag(AttributeNames.OperationId, id);
            var method = phase.EndsWith("start", StringComparison.Ordinal) ? "InvalidateRangeStartAsync" : "InvalidateRangeEndAsync";
            var notified = Call($"IVmGrain/{method}", span, $"vm/vm-{vm}.1@host-{silo}", silo, (silo + 1) % Silos, at, took * 0.3);
            Call("IVcpuGrain/FlushTlbAsync", notified, $"vcpu/vm-{vm}.1@host-{silo}/vcpu-0", (silo + 1) % Silos, silo, at, took * 0.2);
            End(span, at, took * 0.35, silo);
        }

        End(root, _now, took, silo: null);
    }

    /// <summary>A hold, and one to three that waited for it.</summary>
    private void Contention()
    {
        var (name, silo, vm, holder, kind) = (Any(Locks), _random.Next(Silos), _random.Next(Vms), NextOperation(), Any(Kinds));
        var held = _random.Next(10_000, 90_000);
        var hold = Promoted(SpanNames.LockHold, "cause", _now, silo, vm);
        Lock(hold, name, vm, silo, "write").SetTag(AttributeNames.OperationId, holder).SetTag(AttributeNames.OperationKind, kind);
        End(hold, _now, held, silo);
        for (var waiters = _random.Next(1, 4); waiters > 0; waiters--)
        {
            Waits++;
            var wait = Promoted(SpanNames.LockWait, "slow", _now.AddMicroseconds(100), silo, vm);
            Lock(wait, name, vm, silo, "read").SetTag(AttributeNames.OperationId, NextOperation())
                .SetTag(AttributeNames.OperationKind, waiters == 1 ? "fault" : Any(Kinds)).SetTag(AttributeNames.LockHolder, holder)
                .SetTag(AttributeNames.LockHolderKind, kind).SetTag(AttributeNames.LockAhead, waiters).SetTag(AttributeNames.LockBehind, 0);
            wait.AddLink(new ActivityLink(hold.Context));
            End(wait, _now.AddMicroseconds(100), held * _random.NextDouble(), silo);
        }
    }

    /// <summary>A fault, and the invalidation that made it begin again.</summary>
    private void RetriedFault()
    {
        var (silo, vm, cause) = (_random.Next(Silos), _random.Next(Vms), NextOperation());
        Retried++;
        var invalidation = Promoted(SpanNames.Invalidation, "cause", _now, silo, vm);
        invalidation.SetTag(AttributeNames.OperationId, cause).SetTag(AttributeNames.OperationKind, Any(Kinds))
            .SetTag(AttributeNames.Hva, (long)_random.Next(1 << 20)).SetTag(AttributeNames.Pages, (long)_random.Next(1, 512))
            .SetTag(AttributeNames.InProgress, 1).SetTag(AttributeNames.Sequence, (long)_operation);
        End(invalidation, _now, _random.Next(1_000, 40_000), silo);
        var took = _random.Next(5_000, 80_000);
        var fault = Promoted(SpanNames.Fault, "retried", _now, silo, vm);
        fault.SetTag(AttributeNames.OperationId, NextOperation()).SetTag(AttributeNames.Gfn, (long)_random.Next(1 << 18))
            .SetTag(AttributeNames.FaultWrite, true).SetTag(AttributeNames.FaultRetries, _random.Next(1, 9))
            .SetTag(AttributeNames.FaultRetryMicroseconds, (long)(took * 0.5)).SetTag(AttributeNames.FaultTurnWait, (long)(took * 0.1))
            .SetTag(AttributeNames.RetryReason, Any(Reasons)).SetTag(AttributeNames.FaultCauses, cause)
            .SetTag(AttributeNames.FaultLockWait, (long)(took * 0.1)).SetTag(AttributeNames.FaultNetwork, (long)(took * 0.1));
        fault.AddLink(new ActivityLink(invalidation.Context));
        End(fault, _now, took, silo);
    }

    private void Run()
    {
        var run = Start(SpanNames.Run, default, Beginning);
        run.SetTag(AttributeNames.Campaign, "made").SetTag(AttributeNames.Seed, _seed);
        foreach (var name in Locks)
            run.AddEvent(new ActivityEvent(EventNames.LockStat, tags: new ActivityTagsCollection
            {
                [AttributeNames.LockClass] = name,
                [AttributeNames.LockMode] = "read",
                [AttributeNames.LockAcquisitions] = Waits * 10,
                [AttributeNames.LockContentions] = Waits,
            }));
        End(run, Beginning, (_now - Beginning).TotalMicroseconds, silo: null);
    }

    /// <summary>A call of a grain: the caller's span and the called one's.</summary>
    private Activity Call(string method, Activity parent, string target, int? from, int to, DateTime at, double took)
    {
        var client = Orleans.StartActivity(method, ActivityKind.Client, parent.Context, startTime: at)!;
        var server = Orleans.StartActivity(method, ActivityKind.Server, client.Context, startTime: at.AddMicroseconds(20))!;
        foreach (var span in (Activity[])[client, server])
            span.SetTag("rpc.system.name", "orleans").SetTag("orleans.rpc.service", "Livebed.Grains.Contracts." + method.Split('/')[0])
                .SetTag("rpc.method", "Livebed.Grains.Contracts." + method).SetTag("orleans.rpc.target_id", target);
        server.SetTag(AttributeNames.Silo, $"silo-{to}");
        End(client, at, took, from);
        End(server, at.AddMicroseconds(20), took - 40, to);
        return server;
    }

    private static Activity Start(string name, ActivityContext parent, DateTime at) =>
        LivebedTelemetry.Source.StartActivity(name, ActivityKind.Internal, parent, startTime: at)!;

    private static Activity Promoted(string name, string why, DateTime at, int silo, int vm) =>
        Place(Start(name, default, at).SetTag(AttributeNames.Promoted, why), silo, vm);

    private static Activity Place(Activity span, int silo, int vm) => span.SetTag(AttributeNames.Silo, $"silo-{silo}")
        .SetTag(AttributeNames.Actor, $"vm-{vm}.1@host-{silo}").SetTag(AttributeNames.Vm, $"vm-{vm}");

    private static Activity Lock(Activity span, string name, int vm, int silo, string mode) => span.SetTag(AttributeNames.LockClass, name)
        .SetTag(AttributeNames.LockInstance, $"vm-{vm}.1@host-{silo}").SetTag(AttributeNames.LockMode, mode);

    private void End(Activity span, DateTime at, double microseconds, int? silo)
    {
        span.SetEndTime(at.AddMicroseconds(Math.Max(1, microseconds)));
        span.Stop();
        Activity.Current = null;
        Count++;
        _batch.Add((span, silo is { } index
            ? new SpanOrigin(TelemetrySetup.SiloService, $"silo-{index}", _seed)
            : new SpanOrigin(TelemetrySetup.DriverService, "driver", _seed)));
        if (_batch.Count == LineSpans) Write();
    }

    private void Write()
    {
        if (_batch.Count > 0) _target.Write(_json.Line(_batch));
        _batch.Clear();
    }

    private string NextOperation() => $"op 0.{++_operation}";

    private string Any(string[] list) => list[_random.Next(list.Length)];
}
