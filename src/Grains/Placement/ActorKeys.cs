using System.Globalization;

namespace Livebed.Grains.Placement;

/// <summary>
/// The string keys of all grains: <c>host-0</c>, <c>vm-3.1@host-0</c> (VM 3, incarnation 1, on host 0) and <c>vm-3.1@host-0/vcpu-2</c>. The
/// one register of owners is <c>inventory</c>. The grain that every silo has bears the silo's name, <c>silo-2</c>. A key says where its
/// actor belongs, so that placement needs no table and no call. Exactly one text stands for an actor: leading zeros, signs and blanks are
/// refused, for two texts would be two grains.
/// </summary>
public static class ActorKeys
{
    /// <summary>The key of the inventory, of which there is one.</summary>
    public const string Inventory = "inventory";

    private const string HostPrefix = "host-";
    private const string VmPrefix = "vm-";
    private const string VcpuPrefix = "vcpu-";
    private const string SiloPrefix = "silo-";

    public static string Host(int host) => HostPrefix + Number(host);

    public static string Vm(int vm, int incarnation, int host) => $"{VmPrefix}{Number(vm)}.{Number(incarnation)}@{Host(host)}";

    public static string Vcpu(int vm, int incarnation, int host, int vcpu) => Vcpu(Vm(vm, incarnation, host), vcpu);

    /// <summary>The key of a vCPU of the VM with the key <paramref name="vmKey"/>.</summary>
    public static string Vcpu(string vmKey, int vcpu) => $"{vmKey}/{VcpuPrefix}{Number(vcpu)}";

    /// <summary>The key of a vCPU's VM.</summary>
    public static string VmOf(string vcpuKey) => vcpuKey[..vcpuKey.LastIndexOf('/')];

    /// <summary>The name of a silo, which is also the key of its probe.</summary>
    public static string Silo(int silo) => SiloPrefix + Number(silo);

    /// <exception cref="FormatException">The key names no actor.</exception>
    public static ActorKey Parse(ReadOnlySpan<char> key) => TryParse(key, out var actor)
        ? actor
        : throw new FormatException(
            $"'{key}' names no actor; keys are host-H, vm-N.I@host-H, vm-N.I@host-H/vcpu-V, silo-S and inventory, "
                + $"with plain decimal numbers");

    public static bool TryParse(ReadOnlySpan<char> key, out ActorKey actor)
    {
        actor = default;
        if (key.SequenceEqual(Inventory))
        {
            actor = new ActorKey(ActorRole.Inventory, 0);
            return true;
        }

        if (key.StartsWith(VmPrefix, StringComparison.Ordinal)) return TryParseVm(key[VmPrefix.Length..], out actor);
        if (TryParseNumbered(key, HostPrefix, out var host))
        {
            actor = new ActorKey(ActorRole.Host, host);
            return true;
        }

        if (!TryParseNumbered(key, SiloPrefix, out var silo)) return false;
        actor = new ActorKey(ActorRole.SiloProbe, silo);
        return true;
    }

    private static bool TryParseVm(ReadOnlySpan<char> key, out ActorKey actor)
    {
        actor = default;
        var dot = key.IndexOf('.');
        var at = key.IndexOf('@');
        if (dot < 0 || at < dot) return false;
        var host = key[(at + 1)..];
        var slash = host.IndexOf('/');
        var vcpu = -1;
        if (slash >= 0)
        {
            if (!TryParseNumbered(host[(slash + 1)..], VcpuPrefix, out vcpu)) return false;
            host = host[..slash];
        }

        if (!TryParseNumber(key[..dot], out var vm) || !TryParseNumber(key[(dot + 1)..at], out var incarnation)) return false;
        if (!TryParseNumbered(host, HostPrefix, out var hostIndex)) return false;
        actor = new ActorKey(vcpu < 0 ? ActorRole.Vm : ActorRole.Vcpu, hostIndex, vm, incarnation, vcpu);
        return true;
    }

    private static bool TryParseNumbered(ReadOnlySpan<char> text, string prefix, out int number)
    {
        number = -1;
        return text.StartsWith(prefix, StringComparison.Ordinal) && TryParseNumber(text[prefix.Length..], out number);
    }

    private static bool TryParseNumber(ReadOnlySpan<char> text, out int number)
    {
        number = -1;
        if (text.Length > 1 && text[0] == '0') return false;
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var parsed)) number = parsed;
        return number >= 0;
    }

    private static string Number(int number)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(number);
        return number.ToString(CultureInfo.InvariantCulture);
    }
}

/// <summary>
/// A grain's identity taken apart. <paramref name="Index"/> is the host's number (a probe's: its silo's); <paramref name="Vm"/>,
/// <paramref name="Incarnation"/> and <paramref name="Vcpu"/> are -1 where the role has none. A VM that is destroyed and created again
/// is a new incarnation, hence a new grain: nothing of the old one can leak into it.
/// </summary>
public readonly record struct ActorKey(ActorRole Role, int Index, int Vm = -1, int Incarnation = -1, int Vcpu = -1);

/// <summary>What a grain stands for; the shape of its key says which.</summary>
public enum ActorRole : byte
{
    Host,
    Vm,
    Vcpu,
    SiloProbe,
    Inventory,
}
