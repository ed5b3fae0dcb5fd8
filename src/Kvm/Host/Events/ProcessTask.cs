using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Events;

/// <summary>A system call of the process itself: it holds mm_users and mmap_lock while it runs, so an exit waits for it.</summary>
internal static class ProcessTask
{
    public static async ValueTask<HostEventResult> ReadLockedAsync(Operation op, AddressSpace mm, Func<ValueTask<int>> body)
    {
        if (!mm.TryGetUser(op)) return HostEventResult.NoAddressSpace;
        try
        {
            await mm.MmapLock.DownReadAsync(op);
            try
            {
                return HostEventResult.Of(await body());
            }
            finally
            {
                mm.MmapLock.UpRead(op);
            }
        }
        finally
        {
            mm.PutUser(op);
        }
    }

    public static async ValueTask<HostEventResult> WriteLockedAsync(Operation op, AddressSpace mm, Func<ValueTask<int>> body)
    {
        if (!mm.TryGetUser(op)) return HostEventResult.NoAddressSpace;
        try
        {
            await mm.MmapLock.DownWriteAsync(op);
            try
            {
                return HostEventResult.Of(await body());
            }
            finally
            {
                mm.MmapLock.UpWrite(op);
            }
        }
        finally
        {
            mm.PutUser(op);
        }
    }
}
