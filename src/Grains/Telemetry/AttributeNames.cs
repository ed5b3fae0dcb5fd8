using System.Collections.Frozen;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.World;

namespace Livebed.Grains.Telemetry;

/// <summary>Names of attributes on our spans and metrics; docs/telemetry.md explains each.</summary>
public static class AttributeNames
{
    public const string Silo = "livebed.silo";
    public const string Actor = "livebed.actor";
    public const string OperationId = "kvm.op.id";
    public const string OperationKind = "kvm.op.kind";
    public const string Outcome = "livebed.outcome";
    public const string LateMicroseconds = "livebed.late_us";
    public const string LockClass = "kvm.lock.class";
    public const string LockInstance = "kvm.lock.instance";
    public const string LockMode = "kvm.lock.mode";
    public const string LockHolder = "kvm.lock.holder";
    public const string LockHolderKind = "kvm.lock.holder_kind";
    public const string FaultRetries = "kvm.fault.retries";
    public const string Overlapping = "kvm.fault.overlapping";
    public const string Violation = "livebed.violation";
    public const string ViolationMessage = "livebed.violation.message";
    public const string Vm = "kvm.vm";
    public const string Gfn = "kvm.gfn";
    public const string Hva = "kvm.hva";
    public const string Pfn = "kvm.pfn";
    public const string Reason = "livebed.reason";
}

/// <summary>Names of our instruments; docs/telemetry.md explains each.</summary>
public static class MetricNames
{
    public const string FaultLatency = "livebed.fault.latency";
    public const string LockWait = "livebed.lock.wait";
    public const string TurnWait = "livebed.turn.wait";
    public const string OperationLatency = "livebed.operation.latency";
    public const string Violations = "livebed.violations";
    public const string SpansSuppressed = "livebed.spans.suppressed";
}

/// <summary>Names of our own spans; docs/telemetry.md explains each, and a test holds the two together.</summary>
public static class SpanNames
{
    /// <summary>An operation; the kind follows in kebab-case: <c>kvm.op.memslot-create</c>.</summary>
    public const string OperationPrefix = "kvm.op.";

    /// <summary>A phase of an operation; the model's name for it follows.</summary>
    public const string PhasePrefix = "kvm.phase.";

    /// <summary>A lock wait above the threshold, back-dated.</summary>
    public const string LockWait = "kvm.lock.wait";

    /// <summary>A guest fault that was slow or was retried often, back-dated.</summary>
    public const string Fault = "kvm.fault";

    /// <summary>A check was violated.</summary>
    public const string Violation = "livebed.violation";

    private static readonly FrozenDictionary<OperationKind, string> Operations =
        OperationKinds.All.ToFrozenDictionary(kind => kind, kind => OperationPrefix + kind.Name);

    /// <summary>The span of an operation of this kind.</summary>
    public static string Operation(OperationKind kind) => Operations[kind];

    /// <summary>Whether a span of this name is one of ours: a sampler is told the name and not the source.</summary>
    internal static bool IsOwn(string name) =>
        name.StartsWith("kvm.", StringComparison.Ordinal) || name.StartsWith("livebed.", StringComparison.Ordinal);
}
