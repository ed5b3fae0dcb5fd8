using System.Globalization;
using Livebed.Driver.Errors;
using Livebed.Explorer.Kernels;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Vms;
using Livebed.Linux.Kvm;

namespace Livebed.Driver.Kernels;

/// <summary>The machine's own KVM plays a script: each on a VM of its own, on the thread that asks.</summary>
internal sealed class RealKernel(KvmDevice device) : IScriptKernel
{
    public string Name => "kernel";

    /// <exception cref="UndecidedException">KVM does not do what a script needs.</exception>
    public IReadOnlyList<string> Play(KernelScript script)
    {
        if (script.Architecture != KvmArchitecture.X86)
            throw new UndecidedException($"the script is for {ScriptWords.Of(script.Architecture)}, and this KVM is x86's");
        try
        {
            using var machine = new KvmMachine(
                device,
                new KvmMachineOptions(
                    LogOf(script.Mode), script.Vcpus, script.Pages, BackingOf(script.Backing), KernelScript.CodeSlotId,
                    KernelScript.RingEntries));
            return [.. script.Steps.Select(step => Play(machine, step))];
        }
        catch (KvmException exception)
        {
            throw new UndecidedException(exception.Message);
        }
    }

    private static string Play(KvmMachine machine, KernelStep step) => step.Verb switch
    {
        KernelVerb.Set => Answer(machine.SetSlot(step.Slot, step.Gfn, step.Pages, step.At, FlagsOf(step))),
        KernelVerb.Get => Get(machine, step),
        KernelVerb.Clear => Answer(machine.ClearDirtyLog(
            step.Slot, step.First, (uint)step.Pages, page => step.Bits is null || step.Bits.Contains(page))),
        KernelVerb.Reset => Reset(machine),
        KernelVerb.Write => Exit(machine.Write(step.Vcpu, step.Gfn, step.Value), Answers.Ok),
        KernelVerb.Read => Exit(
            machine.Read(step.Vcpu, step.Gfn, out var value), value.ToString(CultureInfo.InvariantCulture)),
        KernelVerb.UserWrite => Answer(machine.UserWrite(step.At, step.Value)),
        KernelVerb.DontNeed => Answer(machine.DontNeed(step.At, step.Pages)),
        KernelVerb.Unmap => Answer(machine.Unmap(step.At, step.Pages)),
        KernelVerb.Map => Answer(machine.Map(step.At, step.Pages)),
        KernelVerb.Remap => Answer(machine.Move(step.At, step.Pages, step.To)),
        KernelVerb.Protect => Answer(machine.Protect(step.At, step.Pages, step.IsWritable)),
        KernelVerb.Fork => Answer(machine.Fork()),
        _ => Answer(machine.Merge(CancellationToken.None)),
    };

    private static string Get(KvmMachine machine, KernelStep step)
    {
        var pages = new List<long>();
        var error = machine.GetDirtyLog(step.Slot, pages);
        return error == 0 ? new PageRuns(pages).ToString() : Answers.Error(error);
    }

    private static string Reset(KvmMachine machine)
    {
        var entries = new List<KvmRingEntry>();
        var error = machine.ResetRings(entries);
        return error == 0 ? Answers.OfRing(entries.Select(entry => (entry.Slot, entry.Page))) : Answers.Error(error);
    }

    private static string Exit(KvmExit exit, string done) => exit switch
    {
        KvmExit.Done => done,
        KvmExit.Mmio => Answers.Mmio,
        KvmExit.Fault => Answers.Fault,
        _ => Answers.Full,
    };

    private static string Answer(int error) => error == 0 ? Answers.Ok : Answers.Error(error);

    private static uint FlagsOf(KernelStep step) =>
        (step.Logs ? KvmMachine.LogDirtyPages : 0) | (step.IsReadOnly ? KvmMachine.ReadOnly : 0);

    private static KvmBacking BackingOf(BackingKind backing) => backing switch
    {
        BackingKind.Shared => KvmBacking.Shared,
        BackingKind.Hugetlb => KvmBacking.Hugetlb,
        _ => KvmBacking.Private,
    };

    internal static KvmLog LogOf(DirtyLogMode mode) => mode switch
    {
        DirtyLogMode.Manual => KvmLog.Manual,
        DirtyLogMode.InitiallySet => KvmLog.InitiallySet,
        DirtyLogMode.Ring => KvmLog.Ring,
        _ => KvmLog.Bitmap,
    };
}
