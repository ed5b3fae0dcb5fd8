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
