namespace Livebed.Kvm.Vms;

/// <summary>The checks of one VM, by family: each keeps books of its own and is told by the code that it checks.</summary>
public sealed class VmChecks
{
    internal VmChecks(Vm vm)
    {
        (Ranges, Sptes, Tlb) = (new RangeChecks(vm), new SpteChecks(vm), new TlbChecks(vm));
        (Contract, Memslots) = (new ContractChecks(vm), new MemslotChecks(vm));
    }

    public RangeChecks Ranges { get; }
    public SpteChecks Sptes { get; }
    public TlbChecks Tlb { get; }
    public ContractChecks Contract { get; }
    public MemslotChecks Memslots { get; }
}
