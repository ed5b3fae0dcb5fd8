using System.Runtime.InteropServices;
using System.Text;
using Livebed.Linux.Interop;

namespace Livebed.Linux.Kvm;

/// <summary><c>/dev/kvm</c>, opened. The interface is that of x86-64: the guest's own code is x86's.</summary>
public sealed unsafe class KvmDevice : IDisposable
{
    public const string Path = "/dev/kvm";

    private const int StableApi = 12;

    private KvmDevice(int fd) => Fd = fd;

    internal int Fd { get; private set; }

    /// <param name="path">where the device is; tests have none there, or one that is closed to them</param>
    /// <exception cref="KvmException">It is not there, or this process may not use it.</exception>
    public static KvmDevice Open(string path = Path)
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64)
            throw new KvmException($"{path} is used on Linux on x86-64 only, and this is {RuntimeInformation.RuntimeIdentifier}");
        var fd = Libc.Open(path, Libc.ReadWrite | Libc.CloseOnExec);
        if (fd < 0) throw KvmException.Last($"{path} cannot be opened");
        var device = new KvmDevice(fd);
        var version = Libc.Ioctl(fd, KvmIoctl.GetApiVersion, null);
        if (version == StableApi) return device;
        device.Dispose();
        throw new KvmException($"{path} has version {version} of the interface, and {StableApi} is needed");
    }

    /// <summary>KVM_CHECK_EXTENSION: 0 for a capability that is not there.</summary>
    public int Extension(KvmCapability capability) => Libc.Ioctl(Fd, KvmIoctl.CheckExtension, (void*)(nint)capability);

    public void Dispose()
    {
        if (Fd >= 0) _ = Libc.Close(Fd);
        Fd = -1;
    }
}

/// <summary>What this KVM is: for a bug report, and to choose what a comparison allows.</summary>
/// <param name="Kernel">its release, as <c>uname -r</c></param>
/// <param name="Module">the module that runs guests: kvm_amd, kvm_intel, or kvm where neither is loaded</param>
/// <param name="Capabilities">what KVM_CHECK_EXTENSION says, by name</param>
/// <param name="Parameters">of the modules, as in /sys/module</param>
public sealed record KvmSurvey(
    string Kernel, string Module, IReadOnlyDictionary<string, int> Capabilities, IReadOnlyDictionary<string, string> Parameters)
{
    private static readonly string[] _modules = ["kvm_amd", "kvm_intel", "kvm"];

    /// <summary>Neither module of a hardware extension is there: KVM emulates the guest's code.</summary>
    public bool EmulatesGuest => Module == "kvm";

    public static KvmSurvey Of(KvmDevice device)
    {
        var capabilities = Enum.GetValues<KvmCapability>().ToDictionary(NameOf, device.Extension);
        var parameters = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var module in _modules)
        {
            var folder = $"/sys/module/{module}/parameters";
            if (!Directory.Exists(folder)) continue;
            foreach (var file in Directory.EnumerateFiles(folder))
                if (TryRead(file) is { } value)
                    parameters[$"{module}.{System.IO.Path.GetFileName(file)}"] = value;
        }

        var used = _modules.First(module => module == "kvm" || Directory.Exists($"/sys/module/{module}"));
        return new KvmSurvey(TryRead("/proc/sys/kernel/osrelease") ?? "unknown", used, capabilities, parameters);
    }

    /// <summary>"KVM_CAP_NR_MEMSLOTS".</summary>
    private static string NameOf(KvmCapability capability)
    {
        var name = new StringBuilder("KVM_CAP");
        foreach (var letter in capability.ToString())
        {
            if (char.IsUpper(letter)) name.Append('_');
            name.Append(char.ToUpperInvariant(letter));
        }

        return name.ToString();
    }

    private static string? TryRead(string file)
    {
        try
        {
            return File.ReadAllText(file).Trim();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}

/// <summary>Capabilities that a script needs or a report shows; the values are the kernel's.</summary>
public enum KvmCapability
{
    NrVcpus = 9,
    NrMemslots = 10,
    SyncMmu = 16,
    XenHvm = 38,
    MaxVcpus = 66,
    ReadonlyMem = 81,
    MultiAddressSpace = 118,
    ImmediateExit = 136,
    ManualDirtyLogProtect2 = 168,
    DirtyLogRing = 192,
    DirtyLogRingAcqRel = 223,
    DirtyLogRingWithBitmap = 225,
    MemoryFaultInfo = 232,
    UserMemory2 = 231,
    GuestMemfd = 234,
}

/// <summary>Numbers of KVM's ioctls on x86-64.</summary>
internal static class KvmIoctl
{
    public const nuint GetApiVersion = 0xAE00;
    public const nuint CreateVm = 0xAE01;
    public const nuint CheckExtension = 0xAE03;
    public const nuint GetVcpuMapSize = 0xAE04;
    public const nuint CreateVcpu = 0xAE41;
    public const nuint GetDirtyLog = 0x4010AE42;
    public const nuint SetUserMemoryRegion = 0x4020AE46;
    public const nuint Run = 0xAE80;
    public const nuint GetRegisters = 0x8090AE81;
    public const nuint SetRegisters = 0x4090AE82;
    public const nuint GetSpecialRegisters = 0x8138AE83;
    public const nuint SetSpecialRegisters = 0x4138AE84;
    public const nuint EnableCapability = 0x4068AEA3;
    public const nuint ClearDirtyLog = 0xC018AEC0;
    public const nuint ResetDirtyRings = 0xAEC7;
    public const nuint XenConfigure = 0x4038AE7A;
    public const nuint XenSetAttribute = 0x4048AEC9;
    public const nuint XenSetVcpuAttribute = 0x4048AECB;
    public const nuint XenSendEvent = 0x400CAED0;
}

/// <summary>KVM cannot be used as it is needed. The message is one line.</summary>
public sealed class KvmException(string message) : Exception(message)
{
    internal static KvmException Last(string what) => new($"{what} ({Marshal.GetLastPInvokeErrorMessage()})");
}
