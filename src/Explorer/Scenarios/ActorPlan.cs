using Livebed.Kvm.Guests;

namespace Livebed.Explorer.Scenarios;

/// <summary>One actor and what it does, in order. The words for the model's operations are in <see cref="HostVerbs"/>,
/// <see cref="VmVerbs"/> and <see cref="GuestVerbs"/>.</summary>
public sealed class ActorPlan
{
    private readonly List<PlannedOperation> _operations = [];

    internal ActorPlan(string name, int vcpu)
    {
        Name = name;
        Vcpu = vcpu;
    }

    public string Name { get; }
    public bool IsVcpu => Vcpu >= 0;
    public IReadOnlyList<PlannedOperation> Operations => _operations;

    internal int Vcpu { get; }

    /// <summary>A call that begins in the host: a memory event of the process.</summary>
    public ActorPlan InHost(string text, Func<Stage, ValueTask> run) => Add(new PlannedOperation(text, run, null, StartsInHost: true));

    /// <summary>A call that begins in the VM: an ioctl of user space.</summary>
    public ActorPlan InVm(string text, Func<Stage, ValueTask> run) => Add(new PlannedOperation(text, run, null, StartsInHost: false));

    /// <summary>An access of this vCPU's guest.</summary>
    internal ActorPlan Access(string text, GuestOperation access) => Add(new PlannedOperation(text, null, access, StartsInHost: false));

    private ActorPlan Add(PlannedOperation operation)
    {
        if (IsVcpu != operation.Access is not null)
            throw new ArgumentException($"{Name} cannot do \"{operation.Text}\": only vCPUs access, and they do nothing else");
        _operations.Add(operation);
        return this;
    }
}

/// <summary>One thing that an actor does: a call into the model, or, for a vCPU, an access of its guest.</summary>
/// <param name="Text">for a person: "dont-need page 0"</param>
/// <param name="Run">the call; null for a guest's access</param>
/// <param name="Access">the access; null for a call</param>
/// <param name="StartsInHost">whether the call begins in the host (a memory event) or in the VM (an ioctl)</param>
public sealed record PlannedOperation(string Text, Func<Stage, ValueTask>? Run, GuestOperation? Access, bool StartsInHost);
