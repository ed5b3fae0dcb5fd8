using Livebed.Linux.Interop;

namespace Livebed.Linux.Kvm;

/// <summary>
/// KVM keeps the page frame of a page that a Xen guest shares with it in a <c>gfn_to_pfn_cache</c>, and writes events there without asking
/// the page table. Here the page is named by its host address and lies in no memslot, so a KVM that elides notifications that hit none must
/// still drop the cached frame. One thread sends events all the time. This one takes the page away and sends an event of its own: its bit
/// must then be in the page that is there now, and is <em>lost</em> if it went to the frame that was taken away.
/// </summary>
/// <param name="device"><c>/dev/kvm</c></param>
/// <param name="duration">of the race</param>
public sealed unsafe class KvmPfnCacheRace(KvmDevice device, TimeSpan duration)
{
    private const int CodeSlot = 32762;
    private const int SharedPage = 0;
    private const int VcpuPage = 1;
    private const int Pages = 2;

    /// <summary>KVM_XEN_HVM_CONFIG_SHARED_INFO_HVA and KVM_XEN_HVM_CONFIG_EVTCHN_SEND.</summary>
    private const int ByAddress = 1 << 8;
    private const int SendsEvents = 1 << 5;

    private const ushort SharedByAddress = 6;
    private const ushort VcpuByAddress = 9;

    /// <summary>Of <c>compat_shared_info</c>: where the bits of pending events begin, and how many there are.</summary>
    private const int PendingOffset = 2048;
    private const int Ports = 1024;

    private volatile bool _isOver;
    private long _others;

    /// <summary>Whether this KVM knows such pages by their host address: Linux 6.8 with CONFIG_KVM_XEN.</summary>
    public static bool IsPossible(KvmDevice device) =>
        (device.Extension(KvmCapability.XenHvm) & (ByAddress | SendsEvents)) == (ByAddress | SendsEvents);

    /// <summary>Runs it.</summary>
    /// <param name="stop">ends it early</param>
    /// <exception cref="KvmException">KVM does not do what it needs.</exception>
    public KvmPfnCacheCounts Run(CancellationToken stop)
    {
        using var machine = new KvmMachine(device, new KvmMachineOptions(KvmLog.Bitmap, 1, Pages, KvmBacking.Private, CodeSlot, 0));
        Share(machine);
        var failed = 0;
        var other = new Thread(() =>
        {
            for (var port = Ports / 2; !_isOver && failed == 0; port = port + 1 < Ports ? port + 1 : Ports / 2)
            {
                if (Send(machine, port) < 0) failed = Libc.LastError;
                _others++;
            }
        });
        other.Start();
        var (sent, lost) = (0L, 0L);
        var begun = Environment.TickCount64;
        while (!stop.IsCancellationRequested && Environment.TickCount64 - begun < duration.TotalMilliseconds && failed == 0)
        {
            var port = 1 + (int)(sent % (Ports / 2 - 1));
            if (machine.DontNeed(SharedPage, 1) != 0) failed = Libc.LastError;
            if (Send(machine, port) < 0) failed = Libc.LastError;
            sent++;
            if (((machine.UserRead(SharedPage, PendingOffset + port / 32 * sizeof(uint)) >> port % 32) & 1) == 0) lost++;
        }

        _isOver = true;
        other.Join();
        if (failed != 0) throw new KvmException($"an event is refused with error {failed}");
        return new KvmPfnCacheCounts(sent, _others, lost);
    }

    private static void Share(KvmMachine machine)
    {
        var config = stackalloc byte[56];
        new Span<byte>(config, 56).Clear();
        *(uint*)config = SendsEvents;
        if (Libc.Ioctl(machine.Fd, KvmIoctl.XenConfigure, config) < 0) throw KvmException.Last("events of Xen cannot be had");
        Set(machine.Fd, KvmIoctl.XenSetAttribute, SharedByAddress, machine.AddressOf(SharedPage));
        Set(machine.VcpuFd(0), KvmIoctl.XenSetVcpuAttribute, VcpuByAddress, machine.AddressOf(VcpuPage));
    }

    private static void Set(int fd, nuint request, ushort type, ulong value)
    {
        var attribute = stackalloc ulong[9];
        new Span<ulong>(attribute, 9).Clear();
        *(ushort*)attribute = type;
        attribute[1] = value;
        if (Libc.Ioctl(fd, request, attribute) < 0) throw KvmException.Last("a page cannot be shared as Xen's");
    }

    private static int Send(KvmMachine machine, int port)
    {
        var target = stackalloc uint[3];
        (target[0], target[1], target[2]) = ((uint)port, 0, uint.MaxValue);
        return Libc.Ioctl(machine.Fd, KvmIoctl.XenSendEvent, target);
    }
}

/// <summary>What a race of the pfn cache came to.</summary>
/// <param name="Sent">events that were sent after the page had been taken away</param>
/// <param name="Beside">events that another thread sent meanwhile</param>
/// <param name="Lost">events of the first kind that are not in the page</param>
public sealed record KvmPfnCacheCounts(long Sent, long Beside, long Lost);
