using Livebed.Kvm.Host;
using Livebed.Kvm.Host.SamePageMerging;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Paging;
using Livebed.Kvm.Vms;

namespace Livebed.Grains.Contracts;

/// <summary>What an actor has counted since it began, by what it is: a VM, a vCPU or a host. Null is what it is not. Of several actors they
/// are added up.</summary>
public sealed record ActorCounters
{
    public VmCounters? Vm { get; init; }
    public MigrationCounters? Migrations { get; init; }
    public VcpuCounters? Vcpu { get; init; }
    public HostCounts? Host { get; init; }
    public KsmCounters? Ksm { get; init; }

    /// <summary>What is in use at the host now: the only one of these that falls.</summary>
    public HostUsage? Usage { get; init; }

    /// <summary>Rises while the actor gets work done.</summary>
    public long Progress => ProgressOf(Vm) + ProgressOf(Vcpu) + ProgressOf(Host) + (Migrations?.Rounds ?? 0) + (Ksm?.PagesScanned ?? 0);

    public static ActorCounters operator +(ActorCounters one, ActorCounters other) => new()
    {
        Vm = one.Vm is { } vm && other.Vm is { } otherVm ? vm + otherVm : one.Vm ?? other.Vm,
        Migrations = one.Migrations is { } ended && other.Migrations is { } others ? ended + others : one.Migrations ?? other.Migrations,
        Vcpu = one.Vcpu is { } vcpu && other.Vcpu is { } otherVcpu ? vcpu + otherVcpu : one.Vcpu ?? other.Vcpu,
        Host = one.Host is { } host && other.Host is { } otherHost ? host + otherHost : one.Host ?? other.Host,
        Ksm = one.Ksm is { } ksm && other.Ksm is { } otherKsm ? ksm + otherKsm : one.Ksm ?? other.Ksm,
        Usage = one.Usage is { } usage && other.Usage is { } otherUsage ? usage + otherUsage : one.Usage ?? other.Usage,
    };

    /// <summary>What one actor counted since an earlier report of its own, to be added to a sum; what is in use is in no such
    /// sum.</summary>
    public ActorCounters Since(ActorCounters before) => new()
    {
        Vm = Vm is { } vm && before.Vm is { } vmBefore ? vm - vmBefore : Vm,
        Migrations = Migrations is { } ended && before.Migrations is { } endedBefore ? ended - endedBefore : Migrations,
        Vcpu = Vcpu is { } vcpu && before.Vcpu is { } vcpuBefore ? vcpu - vcpuBefore : Vcpu,
    };

    /// <summary>What was counted since; what is in use is that of now. Migrations are never left out.</summary>
    public static ActorCounters operator -(ActorCounters now, ActorCounters before) => now with
    {
        Vm = now.Vm is { } vm && before.Vm is { } vmBefore ? vm - vmBefore : now.Vm,
        Vcpu = now.Vcpu is { } vcpu && before.Vcpu is { } vcpuBefore ? vcpu - vcpuBefore : now.Vcpu,
        Host = now.Host is { } host && before.Host is { } hostBefore ? host - hostBefore : now.Host,
        Ksm = now.Ksm is { } ksm && before.Ksm is { } ksmBefore ? ksm - ksmBefore : now.Ksm,
    };

    private static long ProgressOf(VmCounters? vm) =>
        vm is null ? 0 : vm.Faults + vm.FaultRetries + vm.NotifierRanges + vm.TlbFlushes + vm.MmuLockYields + vm.ChecksEvaluated;

    private static long ProgressOf(VcpuCounters? vcpu) =>
        vcpu is null ? 0 : vcpu.Accesses + vcpu.Batches + vcpu.Faults + vcpu.FaultRetries + vcpu.TlbFlushes;

    private static long ProgressOf(HostCounts? host) =>
        host is null ? 0 : host.GuestReads + host.GuestWrites + host.FaultIns + host.NotifierRanges + host.ChecksEvaluated;
}

/// <summary>What became of the migrations that a VM grain was the source of; every value only grows.</summary>
public sealed record MigrationCounters
{
    public long Completed { get; set; }
    public long Cancelled { get; set; }
    public long Failed { get; set; }
    public long Rounds { get; set; }

    /// <summary>Pages sent with content, and zero pages.</summary>
    public long NormalPages { get; set; }

    public long DuplicatePages { get; set; }
    public long Bytes { get; set; }
    public long PostcopyRequests { get; set; }

    public void Add(MigrationInfo info)
    {
        if (info.Status == MigrationStatus.Completed) Completed++;
        else if (info.Status == MigrationStatus.Cancelled) Cancelled++;
        else Failed++;
        Rounds += info.Rounds.Count;
        NormalPages += info.Normal;
        DuplicatePages += info.Duplicate;
        Bytes += info.Transferred;
        PostcopyRequests += info.PostcopyRequests;
    }

    public static MigrationCounters operator +(MigrationCounters one, MigrationCounters other) => Combine(one, other, (a, b) => a + b);

    /// <summary>What was counted since.</summary>
    public static MigrationCounters operator -(MigrationCounters now, MigrationCounters before) => Combine(now, before, (a, b) => a - b);

    private static MigrationCounters Combine(MigrationCounters one, MigrationCounters other, Func<long, long, long> sum) => new()
    {
        Completed = sum(one.Completed, other.Completed),
        Cancelled = sum(one.Cancelled, other.Cancelled),
        Failed = sum(one.Failed, other.Failed),
        Rounds = sum(one.Rounds, other.Rounds),
        NormalPages = sum(one.NormalPages, other.NormalPages),
        DuplicatePages = sum(one.DuplicatePages, other.DuplicatePages),
        Bytes = sum(one.Bytes, other.Bytes),
        PostcopyRequests = sum(one.PostcopyRequests, other.PostcopyRequests),
    };
}
