using Livebed.Linux.Processes;

namespace Livebed.Driver.Run;

/// <summary>
/// How much the runtime allocates between two collections of the youngest generation. The command has a small bound, since garbage of a
/// migration lies beside two copies of a guest's memory. With thousands of VMs in one process so many faults are under way that most of
/// what such a collection looks at still lives, and collections take more than half of the time. The runtime reads the bound when it
/// starts, so the command begins anew.
/// </summary>
internal static class YoungGeneration
{
    private const string Variable = "DOTNET_GCGen0MaxBudget";
    private const long VmsMin = 500;
    private const long Bytes = 512L << 20;

    /// <summary>So many times as much memory must be there.</summary>
    private const long MemoryTimes = 8;

    /// <summary>Returns where the bound is right as it is, or was given.</summary>
    /// <param name="vms">that will all be in this process</param>
    public static void FitTo(long vms)
    {
        if (vms < VmsMin || GC.GetGCMemoryInfo().TotalAvailableMemoryBytes < MemoryTimes * Bytes) return;
        if (Environment.GetEnvironmentVariable(Variable) is null) ProcessImage.BeginAnew(Variable, Bytes.ToString("x"));
    }
}
