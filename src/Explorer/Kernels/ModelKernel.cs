using System.Globalization;
using Livebed.Explorer.Beds;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.DirtyLog;
using Livebed.Kvm.Guests;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Paging;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Kernels;

/// <summary>
/// The model's side of a script: the explorer's bed with one host and a VM without RAM, which plays the steps one after the other. All
/// checks of the model are on; one that is violated is the answer of the step after which it was found, and ends the script.
/// </summary>
public sealed class ModelKernel(Mutant? mutant = null, string protocol = ProtocolCatalog.ActiveCount) : IScriptKernel
{
    public string Name => mutant is null ? "model" : $"model with {mutant}";

    /// <exception cref="InvalidOperationException">The model threw: a defect of the model.</exception>
    public IReadOnlyList<string> Play(KernelScript script)
    {
        var bed = new Bed(
            new BedOptions(protocol)
            {
                Mutant = mutant,
                // Of a file, as much again: see FilePages.
                RamPages = script.Backing == BackingKind.Private ? script.Pages : 2 * script.Pages,
                RamSlots = 0,
                HasPrivateSlots = false,
                Frames = 2 * script.Pages + 64,
                DirtyLog = script.Mode,
                RingEntries = KernelScript.RingEntries,
                Architecture = script.Architecture,
            },
            seed: 1);
        var player = new ModelPlayer(bed, script);
        var result = bed.Run(player.RunAsync);
        if (result.Failure is { } failure) throw new InvalidOperationException($"the model failed: {failure.Message}", failure);
        if (bed.Violations(result) is [var violation, ..]) player.Answers.Add($"violates {violation.Invariant}: {violation.Message}");
        return player.Answers;
    }
}

/// <summary>One script on one bed.</summary>
internal sealed class ModelPlayer(Bed bed, KernelScript script)
{
    /// <summary>A fault of a script has nothing to wait for; this many retries are a livelock, which the model's checks report.</summary>
    private const int RetriesMax = 1_000;

    private readonly List<ScriptVcpu> _vcpus = [];
    private readonly FilePages? _file = script.Backing == BackingKind.Private ? null : new FilePages(bed, script.Pages);
    private BedVm _vm = null!;

    public List<string> Answers { get; } = [];

    public async ValueTask RunAsync()
    {
        _vm = await bed.CreateVmAsync();
        for (var index = 0; index < script.Vcpus; index++)
        {
            _vcpus.Add(new ScriptVcpu());
            _vm.Vm.Vcpus.Add(_vcpus[index]);
        }

        await _vm.Vm.MemslotUpdates.SetAsync(
            bed.NewOperation(OperationKind.MemslotCreate),
            new MemslotChange(KernelScript.CodeSlotId, new Gfn(KernelScript.CodeGfn), 1, VmLayout.HotplugHva, MemslotFlags.None));
        foreach (var step in script.Steps) Answers.Add(await PlayAsync(step));
        await _vm.CheckMemoryAsync(bed.NewOperation(OperationKind.Audit));
    }

    private async ValueTask<string> PlayAsync(KernelStep step)
    {
        var range = new HvaRange(BedVm.RamHva(step.At), step.Pages);
        var mappings = _vm.Host.Mappings;
        switch (step.Verb)
        {
            case KernelVerb.Set:
                return await SetAsync(step);
            case KernelVerb.Get:
                return await GetAsync(step);
            case KernelVerb.Clear:
                return await ClearAsync(step);
            case KernelVerb.Reset:
                return await ResetAsync();
            case KernelVerb.Write or KernelVerb.Read:
                return await AccessAsync(step);
            case KernelVerb.UserWrite:
                return await UserWriteAsync(step);
            case KernelVerb.DontNeed or KernelVerb.Unmap or KernelVerb.Map when _file is not null:
                await _file.ChangeAsync(_vm, step.Verb, step.At, step.Pages);
                break;
            case KernelVerb.DontNeed:
                await EventAsync(HostEventKind.DontNeed, range);
                break;
            case KernelVerb.Unmap:
                await mappings.UnmapAsync(bed.NewOperation(HostEventKind.Unmap), _vm.AddressSpaceId, range);
                break;
            case KernelVerb.Map:
                await mappings.MapAsync(bed.NewOperation(HostEventKind.Unmap), _vm.AddressSpaceId, range);
                break;
            case KernelVerb.Remap:
                await mappings.MoveAsync(bed.NewOperation(HostEventKind.Unmap), _vm.AddressSpaceId, range, BedVm.RamHva(step.To));
                break;
            case KernelVerb.Protect:
                await mappings.ProtectAsync(bed.NewOperation(HostEventKind.Mprotect), _vm.AddressSpaceId, range, step.IsWritable);
                break;
            case KernelVerb.Fork:
                if (_file is null) await EventAsync(HostEventKind.Fork, new HvaRange(BedVm.RamHva(0), script.Pages));
                break;
            default:
                // A page is merged at its second visit at the earliest; the third finds what the second has made.
                if (_file is null) await EventAsync(HostEventKind.KsmScan, new HvaRange(BedVm.RamHva(0), 4L * script.Pages));
                break;
        }

        return Kernels.Answers.Ok;
    }

    private async ValueTask<string> SetAsync(KernelStep step)
    {
        var flags = (step.Logs ? MemslotFlags.LogDirtyPages : 0) | (step.IsReadOnly ? MemslotFlags.ReadOnly : 0);
        var result = await _vm.Vm.MemslotUpdates.SetAsync(
            bed.NewOperation(OperationKind.MemslotCreate),
            new MemslotChange(step.Slot, new Gfn(step.Gfn), step.Pages, BedVm.RamHva(step.At), flags));
        return result switch
        {
            MemslotResult.Ok => Kernels.Answers.Ok,
            MemslotResult.Overlap => "EEXIST",
            MemslotResult.Invalid => "EINVAL",
            _ => "EIO",
        };
    }

    private async ValueTask<string> GetAsync(KernelStep step)
    {
        var slot = _vm.Vm.Memslots.Active.ById(step.Slot);
        var found = new PageSet(slot?.Hvas ?? new HvaRange(BedVm.RamHva(0), 1));
        var result = await _vm.Vm.DirtyLog.GetAsync(bed.NewOperation(OperationKind.DirtyLogGet), step.Slot, found);
        return result.IsOk ? new PageRuns(found.Select(hva => hva - found.Range.Start)).ToString() : ErrorOf(result.Status);
    }

    private async ValueTask<string> ClearAsync(KernelStep step)
    {
        // As many words as the ioctl can read; a part that is longer than every memslot is refused before they are.
        var words = new ulong[PageSet.WordsFor(Math.Min(step.Pages, KernelScript.PagesMax))];
        for (var page = 0; page < words.Length * PageSet.PagesPerWord; page++)
            if (step.Bits is null || step.Bits.Contains(step.First + page))
                words[page / PageSet.PagesPerWord] |= 1UL << (page % PageSet.PagesPerWord);
        var result = await _vm.Vm.DirtyLog.ClearAsync(
            bed.NewOperation(OperationKind.DirtyLogGet), step.Slot, new DirtyLogPart(step.First, step.Pages, words));
        return ErrorOf(result.Status);
    }

    private async ValueTask<string> ResetAsync()
    {
        if (script.Mode != DirtyLogMode.Ring) return "EINVAL";
        var entries = new List<(int Slot, long Page)>();
        await _vm.Vm.DirtyRings.ReapAsync(bed.NewOperation(OperationKind.DirtyRingReap), (slot, page) => entries.Add((slot, page)));
        return Kernels.Answers.OfRing(entries);
    }

    private async ValueTask<string> UserWriteAsync(KernelStep step)
    {
        var written = await _vm.Vm.Host.WriteUserAsync(
            bed.NewOperation(OperationKind.SoftwareWrite), BedVm.RamHva(step.At), default, step.Value);
        return written ? Kernels.Answers.Ok : "EFAULT";
    }

    private async ValueTask EventAsync(HostEventKind kind, HvaRange range) =>
        await bed.RunEventAsync(bed.NewOperation(kind), _vm.AddressSpaceId, range.Start, range.Pages);

    /// <summary>One access by KVM_RUN: the TLB, or a fault until the page is mapped.</summary>
    private async ValueTask<string> AccessAsync(KernelStep step)
    {
        var (vcpu, gfn, writes) = (_vcpus[step.Vcpu], new Gfn(step.Gfn), step.Verb == KernelVerb.Write);
        // KVM looks at the ring before it enters the guest, whatever the guest then does.
        if (_vm.Vm.DirtyRings.IsSoftFull(step.Vcpu)) return Kernels.Answers.Full;
        var op = bed.NewOperation(OperationKind.Fault);
        for (var retries = 0; retries < RetriesMax; retries++)
        {
            if (vcpu.Tlb.TryTranslate(gfn, writes, out var translation)) return await ExecuteAsync(translation, step, writes);
            var reply = await _vm.FaultAsync(op, step.Vcpu, gfn, writes);
            if (reply.Status == FaultStatus.Mapped) vcpu.Tlb.Fill(reply.Translation);
            else if (reply.Status != FaultStatus.Retry) return AnswerOf(reply.Status);
        }

        return "EAGAIN";
    }

    private async ValueTask<string> ExecuteAsync(Translation translation, KernelStep step, bool writes)
    {
        var kind = writes ? GuestAccessKind.Write : GuestAccessKind.Read;
        GuestAccess[] access = [new GuestAccess(translation.Gfn, translation.Hva, translation.Pfn, kind, step.Value)];
        await _vm.Host.Find(_vm.AddressSpaceId)!.GuestMemory.ExecuteAsync(access);
        return writes
            ? Kernels.Answers.Ok
            : BitConverter.ToUInt32(_vm.Host.Frames.Bytes(translation.Pfn)).ToString(CultureInfo.InvariantCulture);
    }

    private static string AnswerOf(FaultStatus status) => status switch
    {
        FaultStatus.Mmio => Kernels.Answers.Mmio,
        FaultStatus.RingFull => Kernels.Answers.Full,
        _ => Kernels.Answers.Fault,
    };

    private static string ErrorOf(DirtyLogStatus status) => status switch
    {
        DirtyLogStatus.Ok => Kernels.Answers.Ok,
        DirtyLogStatus.NoSlot => "ENOENT",
        DirtyLogStatus.Invalid => "EINVAL",
        DirtyLogStatus.NoBitmap => "ENXIO",
        _ => "EIO",
    };

    /// <summary>A vCPU that stands still between two steps: of it there is the TLB.</summary>
    private sealed class ScriptVcpu : IVcpuPort
    {
        private const int TlbEntries = 64;

        public Tlb Tlb { get; } = new(TlbEntries);

        public ValueTask FlushTlbAsync(Operation op, GfnRange range)
        {
            Tlb.Flush(range);
            return ValueTask.CompletedTask;
        }

        public ValueTask PauseAsync(Operation op) => ValueTask.CompletedTask;

        public ValueTask ResumeAsync(Operation op, long epoch = 0) => ValueTask.CompletedTask;

        /// <exception cref="NotSupportedException">A script does not migrate.</exception>
        public ValueTask<VcpuState> SaveAsync(Operation op) => throw new NotSupportedException("a script's vCPU is never saved");

        public ValueTask ThrottleAsync(Operation op, VcpuThrottle throttle) => ValueTask.CompletedTask;

        public ValueTask<ThrottleState> ThrottleOfAsync(Operation op) => ValueTask.FromResult(default(ThrottleState));
    }
}
