using System.Collections.Frozen;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.World;

namespace Livebed.Grains.Telemetry;

/// <summary>Names of attributes on our spans and metrics; docs/telemetry.md explains each.</summary>
public static class AttributeNames
{
    public const string Silo = "livebed.silo";
    public const string Promoted = "livebed.promoted";
    public const string Actor = "livebed.actor";
    public const string OperationId = "kvm.op.id";
    public const string OperationKind = "kvm.op.kind";
    public const string Outcome = "livebed.outcome";
    public const string LateMicroseconds = "livebed.late_us";
    public const string LockClass = "kvm.lock.class";
    public const string LockInstance = "kvm.lock.instance";
    public const string LockMode = "kvm.lock.mode";
    public const string LockAhead = "kvm.lock.ahead";
    public const string LockBehind = "kvm.lock.behind";
    public const string LockAcquisitions = "kvm.lock.acquisitions";
    public const string LockContentions = "kvm.lock.contentions";
    public const string LockAcquisitionBounces = "kvm.lock.acq_bounces";
    public const string LockContentionBounces = "kvm.lock.con_bounces";
    public const string LockWaitMin = "kvm.lock.wait_min_us";
    public const string LockWaitMax = "kvm.lock.wait_max_us";
    public const string LockWaitTotal = "kvm.lock.wait_total_us";
    public const string LockHolds = "kvm.lock.holds";
    public const string LockHoldMin = "kvm.lock.hold_min_us";
    public const string LockHoldMax = "kvm.lock.hold_max_us";
    public const string LockHoldTotal = "kvm.lock.hold_total_us";
    public const string StallFaults = "kvm.stall.faults_us";
    public const string StallThrottle = "kvm.stall.throttle_us";
    public const string StallDowntime = "kvm.stall.downtime_us";
    public const string Seed = "livebed.seed";
    public const string Campaign = "livebed.campaign";
    public const string Protocol = "livebed.protocol";
    public const string Mutant = "livebed.mutant";
    public const string Placement = "livebed.placement";
    public const string LockHolder = "kvm.lock.holder";
    public const string LockHolderKind = "kvm.lock.holder_kind";
    public const string FaultRetries = "kvm.fault.retries";
    public const string FaultRetryMicroseconds = "kvm.fault.retry_us";
    public const string FaultLockWait = "kvm.fault.lock_wait_us";
    public const string FaultTurnWait = "kvm.fault.turn_wait_us";
    public const string FaultNetwork = "kvm.fault.network_us";
    public const string FaultWrite = "kvm.fault.write";
    public const string FaultCauses = "kvm.fault.causes";
    public const string RetryReason = "kvm.fault.retry_reason";
    public const string Sequence = "kvm.mmu_invalidate_seq";
    public const string InProgress = "kvm.mmu_invalidate_in_progress";
    public const string Pages = "kvm.pages";
    public const string PhaseNumber = "kvm.phase.number";
    public const string Violation = "livebed.violation";
    public const string ViolationMessage = "livebed.violation.message";
    public const string Vm = "kvm.vm";
    public const string Epoch = "kvm.epoch";
    public const string Gfn = "kvm.gfn";
    public const string GfnEnd = "kvm.gfn_end";
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

/// <summary>Names of the events that the span of a run has; docs/telemetry.md explains each.</summary>
public static class EventNames
{
    /// <summary>Figures of one class of locks in one mode, over the whole run.</summary>
    public const string LockStat = "kvm.lock_stat";

    /// <summary>What kept one VM's guest from running, over the whole run.</summary>
    public const string GuestStall = "kvm.guest_stall";
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

    /// <summary>What a lock wait with a span waited for: another operation's hold, back-dated.</summary>
    public const string LockHold = "kvm.lock.hold";

    /// <summary>What made a fault with a span begin again: a notifier's range or a memslot update at a VM, back-dated.</summary>
    public const string Invalidation = "kvm.invalidation";

    /// <summary>A guest fault that was slow or was retried often, back-dated.</summary>
    public const string Fault = "kvm.fault";

    /// <summary>A whole run, with its figures as events.</summary>
    public const string Run = "livebed.run";

    /// <summary>A check was violated, or operations hang.</summary>
    public const string Violation = "livebed.violation";

    private static readonly FrozenDictionary<OperationKind, string> Operations =
        OperationKinds.All.ToFrozenDictionary(kind => kind, kind => OperationPrefix + kind.Name);

    /// <summary>The span of an operation of this kind.</summary>
    public static string Operation(OperationKind kind) => Operations[kind];

    /// <summary>Whether a span of this name is one of ours: a sampler is told the name and not the source.</summary>
    internal static bool IsOwn(string name) =>
        name.StartsWith("kvm.", StringComparison.Ordinal) || name.StartsWith("livebed.", StringComparison.Ordinal);
}
