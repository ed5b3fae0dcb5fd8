using System.Diagnostics;

namespace Livebed.Driver.Benching;

/// <summary>The most memory that this process ever had resident (VmHWM): what every silo of an embedded cluster has, and the driver. The kernel keeps count, so no moment is missed and looking
/// costs nothing while something else is measured.</summary>
internal static class PeakMemory
{
    public static long Bytes
    {
        get
        {
            using var self = Process.GetCurrentProcess();
            return self.PeakWorkingSet64;
        }
    }
}
