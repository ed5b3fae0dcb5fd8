using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Events;

/// <summary>
/// A range with start and end in two calls, so that anything may happen in between, above all the end of its VM (kvm-protocol 2.6). It
/// models reclaim under the rmap lock: no mm_users, so the address space may exit; then closing finds no PTE to change and no subscriber.
/// As one event, it opens, lets time pass, and closes.
/// </summary>
internal sealed class HeldRange(HostState host, LiveOperationSet live) : IHostEventSource
{
    /// <summary>Ranges that may be held open at one host at a time.</summary>
    private const int OpenMax = 1024;

    private readonly TrackedMap<OperationId, Held> _held = new(host.World);

    public async ValueTask<HostEventResult> RunAsync(Operation op, AddressSpace mm, HostEvent ev)
    {
        var opened = await OpenAsync(op, mm, ev);
        if (opened.Status != HostEventStatus.Done) return opened;
        await mm.Ranges.WorkAsync(ev.HoldMicroseconds);
        return await CloseAsync(op);
    }

    /// <summary>Returns after every start callback; the operation is live until it is closed.
    /// Busy: too many ranges are held, this operation holds one, or the rmap lock is wanted.</summary>
    public async ValueTask<HostEventResult> OpenAsync(Operation op, AddressSpace mm, HostEvent ev)
    {
        var pieces = mm.Pieces(ev.Range);
        if (!pieces.MoveNext()) return HostEventResult.Of(0);
        var (vma, pages) = pieces.Current;
        if (_held.Count == OpenMax || _held.ContainsKey(op.Id)) return HostEventResult.Busy;
        if (!mm.RmapLock.TryDownRead(op)) return HostEventResult.Busy;
        mm.Grab();
        live.Enter(op);
        var held = new Held(host.World, mm, vma);
        _held.Add(op.Id, held);
        try
        {
            held.Range = await mm.Ranges.StartAsync(op, pages, MmuNotifierEvent.Clear);
            return new HostEventResult(HostEventStatus.Done, (int)pages.Pages);
        }
        catch
        {
            Forget(op, held);
            throw;
        }
    }

    /// <summary>Swaps out what is there, ends the range, drops the lock. NothingToDo when the operation holds no range.</summary>
    public async ValueTask<HostEventResult> CloseAsync(Operation op)
    {
        if (!_held.TryGetValue(op.Id, out var held) || held.Range is not { } range) return HostEventResult.Of(0);
        held.Range = null;
        try
        {
            var swapped = 0;
            for (var hva = range.Pages.Start; hva < range.Pages.End; hva += 1)
                if (await SwapOut.TryUnmapAsync(host, op, held.Mm, held.Vma, hva)) swapped++;
            await host.StepAsync();
            return HostEventResult.Of(swapped);
        }
        finally
        {
            await held.Mm.Ranges.EndAsync(op, range);
            Forget(op, held);
        }
    }

    private void Forget(Operation op, Held held)
    {
        _held.Remove(op.Id);
        held.Mm.RmapLock.UpRead(op);
        held.Mm.Drop();
        live.Leave(op.Id);
    }

    private sealed class Held(IWorld world, AddressSpace mm, Vma vma)
    {
        private Tracked<MmuNotifierRange?> _range = new(world);

        public AddressSpace Mm { get; } = mm;
        public Vma Vma { get; } = vma;

        /// <summary>Set from the end of the start to the beginning of the close.</summary>
        public MmuNotifierRange? Range
        {
            get => _range.Value;
            set => _range.Value = value;
        }
    }
}
